// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "kernel/onednn/engine.h"

namespace hone::onednn {

void sgemm(const Product& p) {
    if (p.m == 0 || p.n == 0) return;
    engine();  // caps the instruction set
    HONE_CHECK(p.k > 0);
    const dnnl_status_t status = dnnl_sgemm(p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N', p.m, p.n, p.k, 1, p.a, p.a_stride, p.b, p.b_stride,
                                            p.accumulate ? 1 : 0, p.c, p.c_stride);
    if (status == dnnl_out_of_memory) fail(ErrorKind::budget, "memory.limit", "oneDNN ran out of memory");
    HONE_CHECK(status == dnnl_success, "oneDNN: sgemm, status ", static_cast<int>(status));
}

}  // namespace hone::onednn
