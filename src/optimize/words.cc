// SPDX-License-Identifier: Apache-2.0
#include "optimize/words.h"

#include <cmath>
#include <cstdio>

#include "base/timing.h"

namespace hone::words {

namespace {
std::string formatted(const char* format, double v) {
    char text[32];
    std::snprintf(text, sizeof text, format, v);
    return text;
}
}  // namespace

std::string points(double fraction) {
    const double p = fraction * 100;
    return formatted("%.2f points", std::fabs(p) < 0.005 ? 0 : p);  // never "-0.00"
}
std::string percent(double fraction) { return formatted("%.2f %%", fraction * 100); }
std::string number(double v) { return formatted("%.4g", v); }
std::string milliseconds(double ms) { return formatted("%.3f ms", ms); }
std::string times(double ratio) { return formatted("%.2f times", ratio); }
std::string bytes(int64_t n) { return human_bytes(static_cast<double>(n)); }

}  // namespace hone::words
