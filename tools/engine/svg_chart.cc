#include "tools/engine/svg_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace pie {
namespace {

constexpr double kWidth = 560, kHeight = 340;
constexpr double kLeft = 64, kRight = 16, kTop = 12, kBottom = 46;

std::string coordinate(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

// One direction of a chart: data to pixels, and where its ticks are.
class Axis {
 public:
  Axis(double low, double high, bool log, double from, double to)
      : log_(log), from_(from), to_(to) {
    low_ = scaled(low);
    high_ = scaled(high);
    const double margin = high_ > low_ ? 0.04 * (high_ - low_) : 1;
    low_ -= margin;
    high_ += margin;
  }

  double at(double value) const {
    return from_ + (to_ - from_) * (scaled(value) - low_) / (high_ - low_);
  }

  // Multiples of 1, 2 or 5 times a power of ten; on a logarithmic axis these themselves.
  std::vector<double> ticks() const {
    std::vector<double> found;
    if (log_) {
      const bool few = high_ - low_ > 2.5;
      const int last = static_cast<int>(std::floor(high_));
      for (int decade = static_cast<int>(std::floor(low_)); decade <= last; ++decade) {
        for (const double digit : {1.0, 2.0, 5.0}) {
          if (few && digit != 1.0) continue;
          const double value = digit * std::pow(10, decade);
          if (scaled(value) >= low_ && scaled(value) <= high_) found.push_back(value);
        }
      }
      return found;
    }
    const double rough = (high_ - low_) / 5;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (const double digit : {5.0, 2.0, 1.0}) {
      if (digit * power >= rough) step = digit * power;
    }
    // + 0: not -0.
    const double first = std::ceil(low_ / step) + 0.0;
    constexpr int kMost = 20;  // where numbers are so large that one more is the same
    for (int k = 0; k < kMost && (first + k) * step <= high_; ++k) {
      found.push_back((first + k) * step);
    }
    return found;
  }

 private:
  double scaled(double value) const { return log_ ? std::log10(value) : value; }

  bool log_;
  double from_, to_, low_, high_;
};

bool drawable(const std::pair<double, double>& point, const ChartAxes& axes) {
  return std::isfinite(point.first) && std::isfinite(point.second) &&
         (!axes.log_x || point.first > 0) && (!axes.log_y || point.second > 0);
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text) {
  return "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" text-anchor=\"" + anchor +
         "\">" + escaped(text) + "</text>";
}

std::string frame(const Axis& x, const Axis& y, const ChartAxes& axes) {
  std::string svg;
  const double bottom = kHeight - kBottom, right = kWidth - kRight;
  for (const double tick : x.ticks()) {
    const auto at = coordinate(x.at(tick));
    svg += "<line class=\"grid\" x1=\"" + at + "\" x2=\"" + at + "\" y1=\"" + coordinate(kTop) +
           "\" y2=\"" + coordinate(bottom) + "\"/>" +
           text_at(x.at(tick), bottom + 16, "middle", short_number(tick));
  }
  for (const double tick : y.ticks()) {
    const auto at = coordinate(y.at(tick));
    svg += "<line class=\"grid\" x1=\"" + coordinate(kLeft) + "\" x2=\"" + coordinate(right) +
           "\" y1=\"" + at + "\" y2=\"" + at + "\"/>" +
           text_at(kLeft - 6, y.at(tick) + 4, "end", short_number(tick));
  }
  svg += text_at((kLeft + right) / 2, kHeight - 8, "middle", axes.x);
  svg += "<text transform=\"translate(14 " + coordinate((kTop + bottom) / 2) +
         ") rotate(-90)\" text-anchor=\"middle\">" + escaped(axes.y) + "</text>";
  return svg;
}

std::string legend(const std::vector<ChartSeries>& series) {
  std::string html = "<div class=\"legend\">";
  for (const auto& s : series) {
    html += "<span><i class=\"c" + std::to_string(s.colour) + (s.dashed ? " dashed" : "") +
            "\"></i>" + escaped(s.name) + "</span>";
  }
  return html + "</div>";
}

std::string plot(const std::vector<ChartSeries>& series, const ChartAxes& axes, bool lines) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  double low_x = kNone, high_x = -kNone, low_y = kNone, high_y = -kNone;
  for (const auto& s : series) {
    for (const auto& point : s.points) {
      if (!drawable(point, axes)) continue;
      low_x = std::min(low_x, point.first);
      high_x = std::max(high_x, point.first);
      low_y = std::min(low_y, point.second);
      high_y = std::max(high_y, point.second);
    }
  }
  if (!(low_x <= high_x)) return "";
  const Axis x(low_x, high_x, axes.log_x, kLeft, kWidth - kRight);
  const Axis y(low_y, high_y, axes.log_y, kHeight - kBottom, kTop);
  std::string svg = "<svg viewBox=\"0 0 560 340\" role=\"img\" aria-label=\"" + escaped(axes.y) +
                    " against " + escaped(axes.x) + "\">" + frame(x, y, axes);
  for (const auto& s : series) {
    std::string path, marks;
    for (const auto& point : s.points) {
      if (!drawable(point, axes)) continue;
      const auto px = coordinate(x.at(point.first)), py = coordinate(y.at(point.second));
      path += (path.empty() ? "M" : "L") + px + " " + py;
      marks += "<circle cx=\"" + px + "\" cy=\"" + py + "\" r=\"" + (lines ? "3" : "2") + "\">";
      if (lines) {
        marks += "<title>" + escaped(s.name) + ": " + short_number(point.first) + ", " +
                 short_number(point.second) + "</title>";
      }
      marks += "</circle>";
    }
    svg += "<g class=\"c" + std::to_string(s.colour) + (s.dashed ? " dashed" : "") + "\">";
    if (lines) svg += "<path d=\"" + path + "\"/>";
    svg += marks + "</g>";
  }
  return svg + "</svg>" + legend(series);
}

}  // namespace

std::string line_chart(const std::vector<ChartSeries>& series, const ChartAxes& axes) {
  return plot(series, axes, true);
}

std::string scatter_chart(const std::vector<ChartSeries>& series, const ChartAxes& axes) {
  return plot(series, axes, false);
}

std::string bar_chart(const std::vector<ChartBar>& bars, const std::string& label) {
  constexpr double kRow = 24, kNames = 210;
  double largest = 0;
  for (const auto& bar : bars) largest = std::max(largest, bar.value);
  if (!(largest > 0)) return "";
  const double height = kRow * static_cast<double>(bars.size()) + 8;
  std::string svg = "<svg viewBox=\"0 0 560 " + coordinate(height) +
                    "\" role=\"img\" aria-label=\"" + escaped(label) + "\">";
  double y = 4;
  for (const auto& bar : bars) {
    const double width = (kWidth - kNames - 60) * bar.value / largest;
    svg += text_at(kNames - 8, y + 16, "end", bar.name) + "<rect class=\"c" +
           std::to_string(bar.colour) + "\" x=\"" + coordinate(kNames) + "\" y=\"" +
           coordinate(y + 3) + "\" width=\"" + coordinate(std::max(1.0, width)) +
           "\" height=\"16\" rx=\"2\"/>" +
           text_at(kNames + width + 6, y + 16, "start", short_number(bar.value));
    y += kRow;
  }
  return svg + "</svg>";
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace pie
