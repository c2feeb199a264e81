// SPDX-License-Identifier: Apache-2.0
// The binary version of CIFAR-10 and CIFAR-100 (A. Krizhevsky's page "The CIFAR-10 dataset"): records of one label
// byte (CIFAR-100: the coarse one, then the fine one) and 3072 bytes, the red, green and blue plane of 32x32 pixels.
// The part reader calls it.
//
//   CifarFile f = read_cifar(bytes, 10, "data_batch_1.bin");
//   f.labels[0]; f.pixels(0);
#pragma once
#include <string>
#include <vector>

#include "base/file.h"

namespace hone {

constexpr int kCifarSide = 32;
constexpr size_t kCifarPixels = 3 * 32 * 32;

struct CifarFile {
    MappedFile bytes;
    size_t record = 0;        ///< bytes of one
    std::vector<int> labels;  ///< of CIFAR-100 the fine ones
    const uint8_t* pixels(size_t i) const {
        return reinterpret_cast<const uint8_t*>(bytes.data) + (i + 1) * record - kCifarPixels;
    }
};

/// `classes` is 10 or 100. Ids: data.cifar.size, data.cifar.label.
CifarFile read_cifar(MappedFile bytes, int classes, const std::string& where);

}  // namespace hone
