// SPDX-License-Identifier: Apache-2.0
#include "data/cifar.h"

#include "base/error.h"

namespace hone {

CifarFile read_cifar(MappedFile bytes, int classes, const std::string& where) {
    HONE_CHECK(classes == 10 || classes == 100, classes);
    CifarFile out;
    const size_t label_bytes = classes == 10 ? 1 : 2;
    out.record = label_bytes + kCifarPixels;
    if (bytes.size == 0 || bytes.size % out.record != 0)
        fail(ErrorKind::data, "data.cifar.size",
             cat(bytes.size, " bytes; expected records of ", out.record, " bytes, as CIFAR-", classes, " has them"),
             "Fetch or copy the file again: the binary version, not the one for Python.", where);
    const auto* p = reinterpret_cast<const uint8_t*>(bytes.data);
    for (size_t at = 0; at < bytes.size; at += out.record) {
        const int label = p[at + label_bytes - 1];
        if (label >= classes)
            fail(ErrorKind::data, "data.cifar.label",
                 cat("label ", label, " of record ", at / out.record, "; expected 0..", classes - 1),
                 "The file is not CIFAR's binary version.", cat(where, ", byte ", at + label_bytes - 1));
        out.labels.push_back(label);
    }
    out.bytes = std::move(bytes);
    return out;
}

}  // namespace hone
