// SPDX-License-Identifier: Apache-2.0
// What is fuzzed: one reader of strangers' bytes a target, with valid files to start from and a mutator that knows the
// format's structure, so that mutations get past the first checks. A target passes when it reads the bytes or refuses
// them with an Error that is no bug of ours; everything else is for the sanitizers. A new reader is one function in
// targets_*.cc and a line in targets.cc.
//
//   for (const Target& t : all_targets()) t.run(t.mutate(t.seeds()[0], rng));
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"

namespace hone::fuzz {

struct Target {
    const char* name;
    std::vector<std::string> (*seeds)();
    std::string (*mutate)(const std::string& bytes, Rng& rng);
    void (*run)(const std::string& bytes);
};
const std::vector<Target>& all_targets();
/// Runs one input; an Error of kind internal, or any other exception, aborts.
void run_guarded(const Target& t, const std::string& bytes);

/// Any format: bits, bytes, extreme numbers, cuts, repetitions, splices.
std::string mutate_bytes(const std::string& bytes, Rng& rng);
/// Protocol buffers: fields are dropped, repeated, moved and changed at any depth; lengths stay right.
std::string mutate_fields(const std::string& bytes, Rng& rng);
/// Text: tokens are changed, repeated, nested.
std::string mutate_text(const std::string& bytes, Rng& rng);
/// PNG: chunks are changed and their checksums made right.
std::string mutate_png(const std::string& bytes, Rng& rng);

std::vector<std::string> onnx_seeds();
void run_onnx(const std::string& bytes);
std::vector<std::string> idx_seeds();
void run_idx(const std::string& bytes);
std::vector<std::string> csv_seeds();
void run_csv(const std::string& bytes);
std::vector<std::string> text_seeds();
void run_text(const std::string& bytes);
std::vector<std::string> npy_seeds();
void run_npy(const std::string& bytes);
std::vector<std::string> zip_seeds();
void run_zip(const std::string& bytes);
std::vector<std::string> cifar_seeds();
void run_cifar(const std::string& bytes);
std::vector<std::string> tar_seeds();
void run_tar(const std::string& bytes);
std::vector<std::string> gzip_seeds();
void run_gzip(const std::string& bytes);
std::vector<std::string> png_seeds();
std::vector<std::string> jpeg_seeds();
void run_picture(const std::string& bytes);
std::vector<std::string> json_seeds();
void run_json(const std::string& bytes);
std::vector<std::string> safetensors_seeds();
std::string mutate_safetensors(const std::string& bytes, Rng& rng);
void run_safetensors(const std::string& bytes);
std::vector<std::string> checkpoint_seeds();
void run_checkpoint(const std::string& bytes);

}  // namespace hone::fuzz
