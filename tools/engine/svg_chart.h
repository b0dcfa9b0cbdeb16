// Charts as inline SVG: their colours are the page's CSS variables, so that they follow light, dark
// and print.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace pie {

struct ChartSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;  // points that are not finite are left out
  int colour = 0;                                 // 0 ... 9
  bool dashed = false;
};

struct ChartAxes {
  std::string x, y;  // labels
  bool log_x = false, log_y = false;
};

// Lines with a mark at each point and a legend.
std::string line_chart(const std::vector<ChartSeries>& series, const ChartAxes& axes);

// Small marks without lines: a map.
std::string scatter_chart(const std::vector<ChartSeries>& series, const ChartAxes& axes);

struct ChartBar {
  std::string name;
  double value;
  int colour = 0;
};

// Horizontal bars from 0, each with its name and value.
std::string bar_chart(const std::vector<ChartBar>& bars, const std::string& label);

// `text` with the characters that HTML and SVG reserve replaced.
std::string escaped(const std::string& text);

// A number with four significant digits.
std::string short_number(double value);

}  // namespace pie
