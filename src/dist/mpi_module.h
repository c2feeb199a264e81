// SPDX-License-Identifier: Apache-2.0
// What libhone_mpi.so, the only thing that is linked to an MPI library, gives the program that loads it: hone runs
// without MPI, and the module is built where MPI's headers are. Plain types, so that the two need not agree on a C++
// library. Functions return 0 or MPI's error code. Called by mpi.cc alone.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hone::dist {

constexpr int kMpiModuleVersion = 1;

struct MpiModule {
    int version;
    int (*init)(int* rank, int* ranks);
    int (*finalize)();
    /// Requests are numbers; `test` frees one that is done.
    int (*begin_sum)(const void* mine, void* sum, int64_t count, int doubles, int* request);
    int (*begin_gather)(const void* mine, size_t bytes, void* all, int* request);
    int (*test)(int request, int* done);
    /// To every other rank, without waiting; `text` stays.
    int (*tell)(const char* text, size_t bytes);
    /// A text that was told to this rank: its sender, or -1 when there is none. At most `room` bytes of it are kept.
    int (*hear)(char* text, size_t room, size_t* bytes, int* from);
    void (*error_text)(int code, char* text, size_t room);
};

/// The module's only symbol: const MpiModule* hone_mpi_module().
using MpiModuleFunction = const MpiModule* (*)();

}  // namespace hone::dist
