// SPDX-License-Identifier: Apache-2.0
// Records as JSON text: fields in the order of their list, doubles in the shortest form that reads back the same, NaN
// and infinities as null, bytes that are not UTF-8 replaced. Called by the verbs and by `report`.
//
//   write_file_atomic("run.json", record::to_json(run));
//   record::Run again = record::run_from_json(read_file("run.json"));
#pragma once
#include <string>
#include <string_view>

namespace hone::record {

struct Eval;
struct Bench;
struct BenchSuite;
struct Inspect;
struct InspectModels;
struct Profile;
struct Trace;
struct Doctor;
struct Infer;
struct New;
struct Compare;
struct Forecast;
struct Run;
struct Runs;
struct Tune;
struct Train;
struct Checkpoint;

std::string to_json(const Eval& r);
std::string to_json(const Bench& r);
std::string to_json(const BenchSuite& r);
std::string to_json(const Inspect& r);
std::string to_json(const InspectModels& r);
std::string to_json(const Profile& r);
std::string to_json(const Trace& r);
std::string to_json(const Doctor& r);
std::string to_json(const Infer& r);
std::string to_json(const New& r);
std::string to_json(const Compare& r);
std::string to_json(const Forecast& r);
std::string to_json(const Run& r);
std::string to_json(const Runs& r);
std::string to_json(const Tune& r);
std::string to_json(const Train& r);
std::string to_json(const Checkpoint& r);

/// Unknown fields are skipped, absent ones keep their default, null doubles are NaN. Throws data "record.json" (not
/// JSON), "record.schema" (another schema), "record.type" (a field of the wrong type).
Run run_from_json(std::string_view text);
Bench bench_from_json(std::string_view text);
Doctor doctor_from_json(std::string_view text);
Checkpoint checkpoint_from_json(std::string_view text);

}  // namespace hone::record
