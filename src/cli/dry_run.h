// SPDX-License-Identifier: Apache-2.0
// What `hone optimize --dry-run` prints.
//
//   if (a.dry_run) return call.emit(record::to_json(f), dry_run_text(f), ""), 0;
#pragma once
#include <string>

namespace hone::record {
struct Forecast;
}

namespace hone::cli {

std::string dry_run_text(const record::Forecast& f);

}  // namespace hone::cli
