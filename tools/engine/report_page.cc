#include "tools/engine/report_page.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "lib/base/checksum.h"
#include "lib/image/image_io.h"
#include "tools/engine/svg_chart.h"

namespace pie {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2024; --muted: #59636e; --paper: #ffffff; --panel: #f5f6f8;
  --line: #d5d9df; --c0: #1f6fb2; --c1: #c8501e; --c2: #2b8552; --c3: #8a4fbf; --c4: #9a7400;
  --c5: #c2316f; --c6: #0d7f86; --c7: #7a5230; --c8: #5a6b7b; --c9: #5f7a1a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --muted: #9aa4af; --paper: #14171a;
  --panel: #1d2125; --line: #363c43; --c0: #62aef0; --c1: #f0885a; --c2: #62c98f; --c3: #c092f0;
  --c4: #dcb444; --c5: #f07fae; --c6: #4fc6cd; --c7: #c79a72; --c8: #9fb0c0; --c9: #aac95a; } }
@media print { :root { color-scheme: light; --ink: #000; --muted: #444; --paper: #fff; --panel: #fff;
  --line: #bbb; --c0: #1f6fb2; --c1: #c8501e; --c2: #2b8552; --c3: #8a4fbf; --c4: #9a7400;
  --c5: #c2316f; --c6: #0d7f86; --c7: #7a5230; --c8: #5a6b7b; --c9: #5f7a1a; }
  section, figure { break-inside: avoid; } .details { display: none; } }
@media print, (max-width: 50rem) {
  .scroll table { font-size: 11px; } .scroll td, .scroll th { white-space: normal; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 78rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .6rem; }
p { max-width: 46rem; } .muted, figcaption { color: var(--muted); }
.scroll { overflow-x: auto; min-width: 0; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; font-weight: normal; }
.row { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
figure { margin: 0; flex: 1 1 22rem; min-width: 0; max-width: 36rem; }
figure img { width: 100%; height: auto; image-rendering: pixelated; border-radius: 3px; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--muted); font-size: 12px; } svg .grid { stroke: var(--line); stroke-width: 1; }
svg path { fill: none; stroke: currentColor; stroke-width: 2; } svg .dashed path { stroke-dasharray: 5 4; }
svg circle, svg rect { fill: currentColor; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; color: var(--muted); font-size: 13px; }
.legend i { display: inline-block; width: 1rem; height: .2rem; margin-right: .4rem; vertical-align: middle;
  background: currentColor; }
.legend i.dashed { background: repeating-linear-gradient(90deg, currentColor 0 4px, transparent 4px 7px); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--panel); padding: .8rem; font-size: 12px; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); }
.c4 { color: var(--c4); } .c5 { color: var(--c5); } .c6 { color: var(--c6); } .c7 { color: var(--c7); }
.c8 { color: var(--c8); } .c9 { color: var(--c9); }
)";

using Reports = std::vector<ModelReport>;

// The value at a path such as "/likelihood/bits_per_dim", or null.
Json at(const Json& figures, const std::string& path) {
  const Json::json_pointer pointer(path);
  return figures.contains(pointer) ? figures.at(pointer) : Json();
}

double number(const Json& figures, const std::string& path) {
  const auto value = at(figures, path);
  return value.is_number() ? value.get<double>() : NAN;
}

std::string name(const ModelReport& report) {
  return at(report.figures, "/model/name").get<std::string>();
}

std::string section(const std::string& title, const std::string& text, const std::string& body) {
  if (body.empty()) return "";
  return "<section><h2>" + escaped(title) + "</h2>" +
         (text.empty() ? "" : "<p class=\"muted\">" + escaped(text) + "</p>") +
         "<div class=\"row\">" + body + "</div></section>\n";
}

std::string figure(const std::string& body, const std::string& caption) {
  if (body.empty()) return "";
  return "<figure>" + body + "<figcaption>" + escaped(caption) + "</figcaption></figure>\n";
}

// The figures of all models side by side; lines that no model has are left out.
std::string comparison(const Reports& reports) {
  const std::vector<std::pair<const char*, const char*>> lines{
      {"architecture", "/model/arch"},
      {"fingerprint", "/model/fingerprint"},
      {"parameters", "/model/params"},
      {"training steps", "/training/steps"},
      {"images evaluated", "/data/images"},
      {"bits per dimension", "/likelihood/bits_per_dim"},
      {"its standard error", "/likelihood/stderr"},
      {"of these: z", "/likelihood/parts_bits_per_dim/z"},
      {"r_1, r_2, ...", "/likelihood/parts_bits_per_dim/r"},
      {"log-determinant", "/likelihood/parts_bits_per_dim/log_det"},
      {"pre-transform", "/likelihood/parts_bits_per_dim/pre_transform"},
      {"offset", "/likelihood/parts_bits_per_dim/offset"},
      {"PSNR from z alone, dB", "/reconstruction/psnr_db"},
      {"SSIM from z alone", "/reconstruction/ssim"},
      {"labels kept from z alone, %", "/reconstruction/labels_kept_percent"},
      {"dimensions of z", "/latents/dims"},
      {"labels by the nearest neighbour in z, %", "/latents/labels_by_nearest_neighbour_percent"},
      {"classification error, %", "/classification/error_percent"},
      {"sharpness of the data", "/sharpness/data"},
      {"sharpness of samples", "/sharpness/samples"},
      {"Frechet distance of samples", "/samples/0/frechet_distance"},
      {"code, bits per dimension", "/code/file_bits_per_dim"},
      {"largest error of the inverse", "/reconstruction/inverse/max_abs_error"},
      {"certified Lipschitz bound", "/reconstruction/inverse/lipschitz_bound"}};
  std::string table = "<div class=\"scroll\"><table><tr><th></th>";
  for (const auto& report : reports) table += "<th>" + escaped(name(report)) + "</th>";
  table += "</tr>";
  const std::function<std::string(const Json&)> cell = [&](const Json& value) -> std::string {
    if (value.is_string()) return escaped(value.get<std::string>());
    if (value.is_number_integer()) return value.dump();
    if (value.is_number()) return short_number(value.get<double>());
    if (!value.is_array()) return "-";
    std::string list;
    for (const auto& item : value) list += (list.empty() ? "" : ", ") + cell(item);
    return list.empty() ? "-" : list;
  };
  for (const auto& [label, path] : lines) {
    std::string cells;
    bool any = false;
    for (const auto& report : reports) {
      const auto value = at(report.figures, path);
      any = any || !value.is_null();
      cells += "<td>" + cell(value) + "</td>";
    }
    if (any) table += "<tr><td>" + escaped(label) + "</td>" + cells + "</tr>";
  }
  return table + "</table></div>";
}

// One line for each model, of the numbers at `x` and `y` of each item of the list at `path`.
std::vector<ChartSeries> series_of(const Reports& reports, const std::string& path, const char* x,
                                   const char* y) {
  std::vector<ChartSeries> all;
  for (size_t i = 0; i < reports.size(); ++i) {
    ChartSeries series{name(reports[i]), {}, static_cast<int>(i % 10), false};
    for (const auto& item : at(reports[i].figures, path)) {
      series.points.emplace_back(number(item, std::string("/") + x),
                                 number(item, std::string("/") + y));
    }
    const bool drawn = std::any_of(series.points.begin(), series.points.end(), [](const auto& p) {
      return std::isfinite(p.first) && std::isfinite(p.second);
    });
    if (drawn) all.push_back(series);
  }
  return all;
}

std::string training_curves(const Reports& reports) {
  return figure(line_chart(series_of(reports, "/training/curve", "step", "held_out_bits_per_dim"),
                           {"training step", "held-out bits per dimension", true, false}),
                "Likelihood of the averaged weights on held-out images while training.") +
         figure(line_chart(series_of(reports, "/training/curve", "step", "held_out_psnr_db_from_z"),
                           {"training step", "PSNR from z alone, dB", true, false}),
                "Reconstructions from z alone, at most 1,000 held-out images.") +
         figure(line_chart(series_of(reports, "/training/curve", "step", "held_out_error_percent"),
                           {"training step", "held-out error, %", true, false}),
                "Classification of held-out images.");
}

std::string rate_distortion(const Reports& reports) {
  auto series = series_of(reports, "/code/layers", "prefix_bits_per_dim", "psnr_db");
  if (series.empty()) return "";
  for (const auto& baseline : at(reports[0].figures, "/code/baselines")) {
    ChartSeries line{at(baseline, "/name").get<std::string>(), {}, 8, true};
    for (const auto& point : at(baseline, "/points")) {
      line.points.emplace_back(number(point, "/bits_per_dim"), number(point, "/psnr_db"));
    }
    series.push_back(line);
  }
  return figure(line_chart(series, {"bits per dimension", "PSNR, dB", true, false}),
                "Every prefix of whole layers of a code file, z first. A lossless prefix has no "
                "PSNR and is not drawn.");
}

std::string sharpness_bars(const Reports& reports) {
  std::vector<ChartBar> bars;
  const double data = number(reports[0].figures, "/sharpness/data");
  if (std::isfinite(data)) bars.push_back({"data", data, 8});
  for (size_t i = 0; i < reports.size(); ++i) {
    const int colour = static_cast<int>(i % 10);
    const auto add = [&](const std::string& what, double value) {
      if (std::isfinite(value)) bars.push_back({name(reports[i]) + what, value, colour});
    };
    add(", from z", number(reports[i].figures, "/sharpness/reconstructions"));
    for (const auto& item : at(reports[i].figures, "/samples")) {
      add(", T = " + short_number(number(item, "/temperature")), number(item, "/sharpness"));
    }
  }
  return figure(bar_chart(bars, "sharpness"),
                "Variance of the Laplacian, mean over images. As sharp as the data is right; "
                "sharper is noise.");
}

std::string frechet_bars(const Reports& reports) {
  std::vector<ChartBar> bars;
  for (size_t i = 0; i < reports.size(); ++i) {
    for (const auto& item : at(reports[i].figures, "/samples")) {
      const double value = number(item, "/frechet_distance");
      if (!std::isfinite(value)) continue;
      bars.push_back({name(reports[i]) + ", T = " + short_number(number(item, "/temperature")),
                      value, static_cast<int>(i % 10)});
    }
  }
  return figure(bar_chart(bars, "Frechet distance"),
                "Frechet distance between samples and the data in a classifier's features: lower "
                "is better, and noise does not help.");
}

std::string latent_maps(const Reports& reports) {
  std::string body;
  for (const auto& report : reports) {
    const auto map = at(report.figures, "/latents/map");
    if (map.is_null()) continue;
    std::map<int, ChartSeries> labels;
    for (const auto& point : at(map, "/points")) {
      const int label = point.size() > 2 ? point[2].get<int>() : 0;
      auto& series = labels[label];
      series.name = point.size() > 2 ? std::to_string(label) : "images";
      series.colour = label % 10;
      series.points.emplace_back(point[0].get<double>(), point[1].get<double>());
    }
    std::vector<ChartSeries> all;
    all.reserve(labels.size());
    for (const auto& item : labels) all.push_back(item.second);
    const auto shares = at(map, "/variance_shares");
    body += figure(scatter_chart(all, {"first principal component", "second"}),
                   name(report) + ": z of the first " + std::to_string(at(map, "/points").size()) +
                       " images on " + short_number(100 * shares[0].get<double>()) + " and " +
                       short_number(100 * shares[1].get<double>()) + " % of the variance.");
  }
  return body;
}

std::string inversion(const Reports& reports) {
  auto body =
      figure(line_chart(series_of(reports, "/reconstruction/inverse/by_iterations", "iterations",
                                  "max_abs_error"),
                        {"fixed-point iterations", "largest error of a pixel", false, true}),
             "The iterative inverse: largest error of a pixel in [0, 1] after so many iterations.");
  for (size_t i = 0; i < reports.size(); ++i) {
    std::vector<ChartBar> bars;
    for (const auto& bound :
         at(reports[i].figures, "/reconstruction/inverse/lipschitz_bound_of_blocks")) {
      bars.push_back(
          {"block " + std::to_string(bars.size()), bound.get<double>(), static_cast<int>(i % 10)});
    }
    body += figure(bar_chart(bars, "Lipschitz bounds"),
                   name(reports[i]) + ": certified Lipschitz bound of each residual block.");
  }
  return body;
}

// The pictures of one kind of all models; `kind` is the beginning of theirs.
std::string pictures(const Reports& reports, const std::string& kind) {
  std::string body;
  for (const auto& report : reports) {
    for (const auto& picture : report.pictures) {
      if (picture.kind.compare(0, kind.size(), kind) != 0) continue;
      const auto png = encode_image(picture.image, "png");
      const auto text = name(report) + ": " + picture.caption;
      body += figure("<img alt=\"" + escaped(text) + "\" src=\"data:image/png;base64," +
                         to_base64(png.data(), png.size()) + "\">",
                     text);
    }
  }
  return body;
}

// What the likelihoods are, each definition with the models it holds for.
std::string definitions(const Reports& reports) {
  std::map<std::string, std::string> models;
  for (const auto& report : reports) {
    const auto definition = at(report.figures, "/likelihood/definition");
    if (!definition.is_string()) continue;
    auto& names = models[definition.get<std::string>()];
    names += (names.empty() ? "" : ", ") + name(report);
  }
  std::string text;
  for (const auto& [definition, names] : models) {
    text += (text.empty() ? "" : " ") + ("Likelihood of " + names) + ": " + definition + ".";
  }
  return text;
}

std::string details(const Reports& reports) {
  std::string body;
  for (const auto& report : reports) {
    auto figures = report.figures;
    if (figures.contains("latents")) figures["latents"].erase("map");
    body += "<details><summary>" + escaped(name(report)) + ": all figures</summary><pre>" +
            escaped(figures.dump(1, ' ', false, Json::error_handler_t::replace)) +
            "</pre></details>\n";
  }
  return body;
}

}  // namespace

std::string report_page(const Reports& reports) {
  std::string names;
  for (const auto& report : reports) names += (names.empty() ? "" : ", ") + name(report);
  std::string warnings;
  for (const auto& report : reports) {
    for (const auto& warning : at(report.figures, "/warnings")) {
      warnings += "<p>" + escaped(name(report) + ": " + warning.get<std::string>()) + "</p>";
    }
  }
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
         "<link rel=\"icon\" href=\"data:,\"><title>" +
         escaped(names) + "</title><style>" + kStyle + "</style></head><body>\n<h1>" +
         escaped(names) + "</h1><p class=\"muted\">" +
         escaped(at(reports[0].figures, "/tool").get<std::string>()) + "</p>\n" + warnings +
         section("Figures", definitions(reports), comparison(reports)) +
         section("Training", "", training_curves(reports)) +
         section("Reconstructions", "", pictures(reports, "reconstructions")) +
         section("Samples", "", pictures(reports, "samples")) +
         section("Sharpness and quality of samples", "",
                 sharpness_bars(reports) + frechet_bars(reports)) +
         section("Interpolations", "", pictures(reports, "interpolations")) +
         section("Latents", "", latent_maps(reports)) +
         section("Rate and distortion", "", rate_distortion(reports)) +
         section("Inverse", "", inversion(reports) + pictures(reports, "inverses")) +
         "<section class=\"details\"><h2>Details</h2>" + details(reports) +
         "</section>\n</body></html>\n";
}

}  // namespace pie
