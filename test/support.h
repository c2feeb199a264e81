// SPDX-License-Identifier: Apache-2.0
// What tests share: where the optional inputs are, and skipping with a word (a failure in CI).
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "base/file.h"

inline bool in_ci() { return std::getenv("CI") != nullptr; }
inline std::string source_path(const std::string& relative) { return hone::cat(HONE_SOURCE_DIR, "/", relative); }
/// The folder of shared models and data beside the checkout; empty when it is absent.
inline std::string shared_folder() {
    const std::string p = source_path("../shared");
    return hone::is_directory(p) ? p : "";
}
/// Skips where `present` is false; in CI that is a failure.
#define HONE_REQUIRE(present, what)                                                     \
    do {                                                                                \
        if (!(present)) {                                                               \
            if (in_ci()) FAIL() << (what) << " is absent; it is required in CI";        \
            GTEST_SKIP() << (what) << " is absent";                                     \
        }                                                                               \
    } while (false)

namespace hone {
/// The error's id, or "" when nothing was thrown.
template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const Error& e) {
        return e.id;
    }
    return "";
}
}  // namespace hone
