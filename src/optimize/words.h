// SPDX-License-Identifier: Apache-2.0
// Figures as the decisions of a run say them. Used by the files of this folder.
#pragma once
#include <cstdint>
#include <string>

namespace hone::words {

std::string points(double fraction);        ///< "0.50 points"
std::string percent(double fraction);       ///< "94.29 %"
std::string number(double v);               ///< "0.01234", three or four digits that count
std::string milliseconds(double ms);        ///< "0.125 ms"
std::string times(double ratio);            ///< "2.37 times"
std::string bytes(int64_t n);               ///< "1.2 MB"

}  // namespace hone::words
