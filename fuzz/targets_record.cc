// SPDX-License-Identifier: Apache-2.0
// What a checkpoint is read from: the tensors' file and its manifest.
#include <cstring>

#include "base/file.h"
#include "data/helpers.h"
#include "fuzz/target.h"
#include "record/checkpoint.h"
#include "record/json.h"
#include "record/safetensors.h"

namespace hone::fuzz {

namespace {
std::string safetensors(const std::string& header, const std::string& data) {
    const uint64_t n = header.size();
    return std::string(reinterpret_cast<const char*>(&n), 8) + header + data;
}
}  // namespace

std::vector<std::string> safetensors_seeds() {
    return {safetensors(R"({"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"n":{"dtype":"I64","shape":[],"data_offsets":[8,16]}} )", std::string(16, '\1')),
            safetensors(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]},"h":{"dtype":"BF16","shape":[0],"data_offsets":[3,3]}})", "\1\2\3")};
}
/// The header as text, its length made right; else anything.
std::string mutate_safetensors(const std::string& bytes, Rng& rng) {
    uint64_t n = 0;
    if (bytes.size() >= 8) std::memcpy(&n, bytes.data(), 8);
    if (bytes.size() < 8 || n > bytes.size() - 8 || rng.below(4) == 0) return mutate_bytes(bytes, rng);
    return safetensors(mutate_text(bytes.substr(8, n), rng), bytes.substr(8 + n));
}
void run_safetensors(const std::string& bytes) {
    for (const auto& [name, t] : record::parse_safetensors(in_memory(bytes), "fuzz").tensors) t.clone();
}

std::vector<std::string> checkpoint_seeds() {
    record::Checkpoint c;
    c.identity = {{"lr", "0.1"}};
    c.choices = {{"conv", "2 0 plain direct"}};
    c.history = {{.epoch = 1, .loss = 0.5, .metrics = {{"top1", 0.9}}}};
    c.best = 0.9;
    return {record::to_json(c)};
}
void run_checkpoint(const std::string& bytes) { record::to_json(record::checkpoint_from_json(bytes)); }

}  // namespace hone::fuzz
