// SPDX-License-Identifier: Apache-2.0
// Side files: nothing outside the model's folder can be reached, whatever the model says.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "onnx/attack.h"
#include "onnx/reader.h"
#include "support.h"

using namespace hone;
using namespace wire_test;

namespace {

/// A folder with a model, a side file of 16 bytes beside it, and a secret one level up.
struct Folder {
    std::string root, inside;
    Folder() {
        char name[] = "/tmp/hone_external_XXXXXX";
        root = ::mkdtemp(name);
        inside = cat(root, "/model");
        make_directories(cat(inside, "/sub"));
        std::string data(16, '\0');
        const float values[] = {1, 2, 3, 4};
        std::memcpy(data.data(), values, 16);
        for (const char* file : {"/model/w.bin", "/model/sub/w.bin", "/model/linked", "/secret"}) write_file_atomic(cat(root, file), data);
        EXPECT_EQ(::symlink("../secret", cat(inside, "/symlink").c_str()), 0);
        EXPECT_EQ(::symlink("..", cat(inside, "/up").c_str()), 0);
        EXPECT_EQ(::symlink("w.bin", cat(inside, "/alias").c_str()), 0);
        EXPECT_EQ(::link(cat(inside, "/linked").c_str(), cat(inside, "/hardlink").c_str()), 0);
        EXPECT_EQ(::mkfifo(cat(inside, "/fifo").c_str(), 0600), 0);
    }
    ~Folder() {
        for (const char* file : {"/model/w.bin", "/model/sub/w.bin", "/model/linked", "/secret", "/model/symlink", "/model/up", "/model/alias",
                                 "/model/hardlink", "/model/fifo", "/model/m.onnx"})
            ::unlink(cat(root, file).c_str());
        for (const char* folder : {"/model/sub", "/model", ""}) ::rmdir(cat(root, folder).c_str());
    }
    Graph read(const std::string& location, const std::string& offset = "", const std::string& length = "") const {
        const std::string path = cat(inside, "/m.onnx");
        write_file_atomic(path, model(external(location, offset, length)));
        return read_model(path);
    }
    std::string id(const std::string& location, const std::string& offset = "", const std::string& length = "") const {
        return error_id([&] { read(location, offset, length); });
    }
};

}  // namespace

TEST(External, Reads) {
    const Folder f;
    for (const char* location : {"w.bin", "./w.bin", "sub/w.bin", "sub/./w.bin"}) {
        const Graph g = f.read(location, "4", "8");
        const Tensor& w = g.value(g.find_value("w")).constant;
        EXPECT_EQ(w.to_f64(), (std::vector<double>{2, 3})) << location;
    }
    EXPECT_EQ(f.id("w.bin", "8"), "");
    EXPECT_EQ(f.id("w.bin", "1"), "") << "an unaligned offset is copied";
}

TEST(External, TheModelsBytesAreThoseOfAllItsFiles) {
    const Folder f;
    const std::string path = cat(f.inside, "/m.onnx");
    for (const std::string& weights : {external("w.bin"), cat(external("w.bin"), external("./w.bin"))}) {
        write_file_atomic(path, model(weights));
        EXPECT_EQ(model_file_bytes(path), static_cast<int64_t>(model(weights).size()) + 16);
    }
}

TEST(External, CannotLeaveTheFolder) {
    const Folder f;
    EXPECT_EQ(f.id("../secret"), "model.external.escape");
    EXPECT_EQ(f.id("sub/../../secret"), "model.external.escape");
    EXPECT_EQ(f.id("sub/.."), "model.external.escape");
    EXPECT_EQ(f.id(cat(f.root, "/secret")), "model.external.escape");
    EXPECT_EQ(f.id("/etc/passwd"), "model.external.escape");
    EXPECT_EQ(f.id(""), "model.external.escape");
    EXPECT_EQ(f.id("."), "model.external.escape");
    EXPECT_EQ(f.id(std::string("w.bin\0x", 7)), "model.external.escape");
    EXPECT_EQ(f.id("symlink"), "model.external.symlink");
    EXPECT_EQ(f.id("alias"), "model.external.symlink");
    EXPECT_EQ(f.id("up/secret"), "model.external.symlink");
    EXPECT_EQ(f.id("hardlink"), "model.external.hardlink");
    EXPECT_EQ(f.id("fifo"), "model.external.not_regular");
    EXPECT_EQ(f.id("sub"), "model.external.not_regular");
    EXPECT_EQ(f.id("absent"), "model.external.absent");
    EXPECT_EQ(f.id("w.bin/x"), "model.external.absent");
}

TEST(External, Ranges) {
    const Folder f;
    EXPECT_EQ(f.id("w.bin", "12"), "model.external.range");
    EXPECT_EQ(f.id("w.bin", "17"), "model.external.range");
    EXPECT_EQ(f.id("w.bin", "18446744073709551612", "8"), "model.external.range");
    EXPECT_EQ(f.id("w.bin", "4611686018427387900", "8"), "model.external.range");
    EXPECT_EQ(f.id("w.bin", "-4", "8"), "model.external.range");
    EXPECT_EQ(f.id("w.bin", "0x4"), "model.external.range");
    EXPECT_EQ(f.id("w.bin", "0", "12"), "model.tensor.size");
    EXPECT_EQ(f.id("w.bin", "0", "4"), "model.tensor.size");
}

TEST(External, FromMemory) {
    EXPECT_EQ(error_id([] { read_model_bytes(model(external("w.bin"))); }), "model.external.absent");
}
