// SPDX-License-Identifier: Apache-2.0
// MPI 3 behind the table of mpi_module.h. Built as a library of its own.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include "dist/mpi_module.h"

#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace hone::dist {
namespace {

constexpr int kStopTag = 1;
MPI_Comm data = MPI_COMM_NULL, control = MPI_COMM_NULL;
std::vector<MPI_Request> requests;  // free ones are MPI_REQUEST_NULL
std::vector<MPI_Request> told;

int keep(MPI_Request r) {
    const auto free = std::find(requests.begin(), requests.end(), MPI_REQUEST_NULL);
    if (free == requests.end()) return requests.push_back(r), static_cast<int>(requests.size()) - 1;
    *free = r;
    return static_cast<int>(free - requests.begin());
}

int init(int* rank, int* ranks) {
    int provided = 0;
    if (const int e = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided)) return e;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    for (MPI_Comm* c : {&data, &control}) {
        if (const int e = MPI_Comm_dup(MPI_COMM_WORLD, c)) return e;
        MPI_Comm_set_errhandler(*c, MPI_ERRORS_RETURN);
    }
    if (const int e = MPI_Comm_rank(data, rank)) return e;
    return MPI_Comm_size(data, ranks);
}
int finalize() { return MPI_Finalize(); }

// Not in place: Open MPI then takes the ring for large buckets of four ranks and more.
int begin_sum(const void* mine, void* sum, int64_t count, int doubles, int* request) {
    if (count > INT32_MAX) return MPI_ERR_COUNT;
    MPI_Request r;
    const int e = MPI_Iallreduce(mine, sum, static_cast<int>(count), doubles ? MPI_DOUBLE : MPI_FLOAT, MPI_SUM, data, &r);
    if (!e) *request = keep(r);
    return e;
}
int begin_gather(const void* mine, size_t bytes, void* all, int* request) {
    if (bytes > INT32_MAX) return MPI_ERR_COUNT;
    MPI_Request r;
    const int n = static_cast<int>(bytes);
    const int e = MPI_Iallgather(mine, n, MPI_BYTE, all, n, MPI_BYTE, data, &r);
    if (!e) *request = keep(r);
    return e;
}
int test(int request, int* done) { return MPI_Test(&requests[static_cast<size_t>(request)], done, MPI_STATUS_IGNORE); }

int tell(const char* text, size_t bytes) {
    int rank = 0, ranks = 1;
    MPI_Comm_rank(control, &rank);
    MPI_Comm_size(control, &ranks);
    for (int r = 0; r < ranks; ++r) {
        if (r == rank) continue;
        MPI_Request sent;
        if (const int e = MPI_Isend(text, static_cast<int>(bytes), MPI_BYTE, r, kStopTag, control, &sent)) return e;
        told.push_back(sent);
    }
    return 0;
}
int hear(char* text, size_t room, size_t* bytes, int* from) {
    *from = -1;
    int there = 0;
    MPI_Status status;
    if (const int e = MPI_Iprobe(MPI_ANY_SOURCE, kStopTag, control, &there, &status)) return e;
    if (!there) return 0;
    int n = 0;
    MPI_Get_count(&status, MPI_BYTE, &n);
    std::vector<char> all(static_cast<size_t>(n) + 1);
    if (const int e = MPI_Recv(all.data(), n, MPI_BYTE, status.MPI_SOURCE, kStopTag, control, MPI_STATUS_IGNORE)) return e;
    *bytes = std::min(room, static_cast<size_t>(n));
    std::copy_n(all.data(), *bytes, text);
    *from = status.MPI_SOURCE;
    return 0;
}
void error_text(int code, char* text, size_t room) {
    char all[MPI_MAX_ERROR_STRING] = "";
    int n = 0;
    MPI_Error_string(code, all, &n);
    std::snprintf(text, room, "%s", all);
}

constexpr MpiModule table = {kMpiModuleVersion, init, finalize, begin_sum, begin_gather, test, tell, hear, error_text};

}  // namespace
}  // namespace hone::dist

extern "C" __attribute__((visibility("default"))) const hone::dist::MpiModule* hone_mpi_module() { return &hone::dist::table; }
