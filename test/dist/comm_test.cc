// SPDX-License-Identifier: Apache-2.0
// Buckets: packed, averaged, unpacked, several under way at a time, in any order of finishing. The module for MPI: found
// out at the start, missing with a word.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "base/tensor.h"
#include "dist/mpi.h"
#include "support.h"
#include "thread_comm.h"

using namespace hone;

TEST(Comm, MeansOfSeveralBucketsFinishedInAnyOrder) {
    for (const int ranks : {1, 2, 3, 5})
        run_ranks(ranks, [&](ThreadComm& comm) {
            const auto r = static_cast<float>(comm.rank());
            std::vector<float> a(19, r), b{r, 2 * r, 3 * r};
            std::vector<double> c(5, 1e-3 * comm.rank());
            const dist::Part first[] = {{a.data(), 19}, {b.data(), 3}}, second[] = {{c.data(), 5}};
            comm.start(4, DType::f32, first);
            std::fill(a.begin(), a.end(), -1.0f);  // what was started is a copy
            comm.start(0, DType::f64, second);
            comm.poke();
            comm.finish(0, second);
            comm.finish(4, first);
            const double mean = (ranks - 1) / 2.0;
            for (const float v : a) EXPECT_FLOAT_EQ(v, static_cast<float>(mean));
            EXPECT_FLOAT_EQ(b[2], static_cast<float>(3 * mean));
            for (const double v : c) EXPECT_NEAR(v, 1e-3 * mean, 1e-15);
            comm.start(4, DType::f32, {first, 1});  // a bucket is used again, with less in it
            comm.finish(4, {first, 1});
            EXPECT_FLOAT_EQ(a[18], static_cast<float>(mean));
        });
}

TEST(Comm, EveryRankGathersTheSameInOrder) {
    run_ranks(3, [](ThreadComm& comm) {
        EXPECT_EQ(comm.gather(10.0 + comm.rank()), (std::vector<double>{10, 11, 12}));
        double mine = comm.rank() == 1 ? std::nan("") : 1;
        comm.mean(DType::f64, {&mine, 1});
        EXPECT_TRUE(std::isnan(mine));  // one rank's NaN is everybody's
    });
}

TEST(Comm, AWaitingRankHearsThatAnotherStopped) {
    EXPECT_EQ(error_of([] {
                  run_ranks(2, [](ThreadComm& comm) {
                      if (comm.rank() == 1) fail(ErrorKind::data, "data.broken", "a sample cannot be read");
                      comm.gather(1.0);  // would wait for ever
                  });
              }), "data.broken");
}

TEST(Launch, RanksAreCountedByTheLaunchersVariables) {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"}) ::unsetenv(name);
    EXPECT_EQ(dist::launched_count(), 1);
    EXPECT_EQ(dist::launched_ranks(), nullptr);
    ::setenv("PMI_SIZE", "3", 1);
    EXPECT_EQ(dist::launched_count(), 3);
    ::setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
    EXPECT_EQ(dist::launched_count(), 2);
    EXPECT_EQ(error_of([] { dist::launched_ranks(); }), "dist.module");  // beside a test program lies no module
    ::unsetenv("PMI_SIZE");
    ::unsetenv("OMPI_COMM_WORLD_SIZE");
}
