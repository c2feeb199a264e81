// SPDX-License-Identifier: Apache-2.0
// Arrays as NumPy itself writes them, in the peers' virtual environment: every type, byte order, memory order, version.
#include "data/npy.h"
#include "data/zip.h"
#include "helpers.h"

using namespace hone;

TEST(Numpy, EveryKindOfFilePEER) {
    const char* given = std::getenv("HONE_PEERS");
    std::string python = given ? given : source_path(".venv/peers");
    if (is_directory(python)) python += "/bin/python";
    HONE_REQUIRE(file_exists(python), "the peers' virtual environment");
    TemporaryFolder t;
    ASSERT_EQ(std::system(cat("'", python, "' '", source_path("test/data/numpy_arrays.py"), "' '", t.path(), "'").c_str()), 0);
    int n = 0;
    for (; file_exists(t / cat(n, ".npy")); ++n) {
        const std::string expected = read_file(t / cat(n, ".f64"));
        const auto* dims = reinterpret_cast<const int32_t*>(expected.data());
        const auto rank = static_cast<size_t>(dims[0]);
        const MappedFile file = map_file(t / cat(n, ".npy")), archive = map_file(t / cat(n, ".npz"));
        MemorySource in(bytes_of(file), file.size);
        std::vector<Tensor> read{read_npy(in, cat(n))};
        for (const ZipEntry& e : read_zip_index(bytes_of(archive), archive.size, cat(n))) {
            ZipReader entry(bytes_of(archive), archive.size, e, e.name);
            const Tensor a = read_npy(entry, e.name);
            if (e.name == "x.npy") read.push_back(a);
        }
        ASSERT_EQ(read.size(), 2u);
        for (const Tensor& a : read) {
            ASSERT_EQ(a.rank(), rank) << n;
            for (size_t i = 0; i < rank; ++i) ASSERT_EQ(a.dim(i), dims[1 + i]) << n;
            for (int64_t i = 0; i < a.count(); ++i) {
                double v;
                std::memcpy(&v, expected.data() + 4 * (1 + rank) + 8 * static_cast<size_t>(i), 8);
                ASSERT_EQ(a.at(i), v) << n << " at " << i;
            }
        }
    }
    EXPECT_EQ(n, 21 * 4 * 2 * 3);
}
