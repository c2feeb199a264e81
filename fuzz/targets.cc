// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

#include "base/error.h"
#include "fuzz/target.h"

namespace hone::fuzz {

const std::vector<Target>& all_targets() {
    static const std::vector<Target> all = {
        {"onnx", onnx_seeds, mutate_fields, run_onnx},
        {"idx", idx_seeds, mutate_bytes, run_idx},
        {"csv", csv_seeds, mutate_text, run_csv},
        {"text", text_seeds, mutate_text, run_text},
        {"npy", npy_seeds, mutate_bytes, run_npy},
        {"npz", zip_seeds, mutate_bytes, run_zip},
        {"cifar", cifar_seeds, mutate_bytes, run_cifar},
        {"tar", tar_seeds, mutate_bytes, run_tar},
        {"gzip", gzip_seeds, mutate_bytes, run_gzip},
        {"png", png_seeds, mutate_png, run_picture},
        {"jpeg", jpeg_seeds, mutate_bytes, run_picture},
        {"json", json_seeds, mutate_text, run_json},
        {"safetensors", safetensors_seeds, mutate_safetensors, run_safetensors},
        {"checkpoint", checkpoint_seeds, mutate_text, run_checkpoint},
    };
    return all;
}

void run_guarded(const Target& t, const std::string& bytes) {
    try {
        t.run(bytes);
    } catch (const Error& e) {
        if (e.kind != ErrorKind::internal && !e.id.empty()) return;
        std::fprintf(stderr, "fuzz %s: %s\n", t.name, e.what());
        std::abort();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "fuzz %s: %s\n", t.name, e.what());
        std::abort();
    }
}

}  // namespace hone::fuzz
