// SPDX-License-Identifier: Apache-2.0
// A disk that fills while hone writes: a clear error, exit code 6, and what was there stays as it was.
#include <unistd.h>

#include "command.h"

namespace {

/// Runs hone with files of at most 16 KiB, as a full disk would have it.
hone::ProcessResult with_small_files(const std::string& arguments) {
    return hone::run_process({"/bin/bash", "-c", std::string("trap '' XFSZ; ulimit -f 16; exec ") + HONE_BINARY + " " + arguments});
}
/// Runs hone where `folder` is a file system of 64 KiB; exit code 99 where that may not be made.
hone::ProcessResult with_small_disk(const std::string& folder, const std::string& before, const std::string& arguments, const std::string& after) {
    const std::string script = "mount -t tmpfs -o size=64k tmpfs " + folder + " 2>/dev/null || exit 99; " + before + "; " + HONE_BINARY + " " + arguments + "; code=$?; " + after + "; exit $code";
    return hone::run_process({"/usr/bin/unshare", "-m", "/bin/bash", "-c", script});
}

std::string pictures(const std::string& scratch) {
    const std::string folder = scratch + "/data";
    hone::make_directories(folder);
    std::vector<int> labels;
    for (int i = 0; i < 60; ++i) labels.push_back(i % 10);
    write_pictures(folder, labels);
    return folder;
}

void expect_disk_error(const hone::ProcessResult& r) {
    EXPECT_EQ(r.exit_code, 6) << r.err;
    EXPECT_NE(r.err.find("file.write"), std::string::npos) << r.err;
}

}  // namespace

TEST(FullDisk, QuantizeLeavesTheOldFile) {
    const std::string scratch = scratch_folder(), data = pictures(scratch), out = scratch + "/model.onnx";
    write_text(out, "the old file");
    expect_disk_error(with_small_files("quantize " + example_model() + " --data " + data + " --out " + out));
    EXPECT_EQ(hone::read_file(out), "the old file");
    for (const std::string& name : hone::list_directory(hone::parent_directory(out))) EXPECT_FALSE(name.starts_with(".model")) << "a temporary file stayed: " << name;
}

TEST(FullDisk, ARealOneToo) {
    const std::string scratch = scratch_folder(), data = pictures(scratch), folder = scratch + "/disk";
    hone::make_directories(folder);
    const std::string out = folder + "/model.onnx";
    const hone::ProcessResult r = with_small_disk(folder, "echo old > " + out, "quantize " + example_model() + " --data " + data + " --out " + out, "cat " + out + "; ls -A " + folder);
    if (r.exit_code == 99) GTEST_SKIP() << "no file system may be mounted here";
    expect_disk_error(r);
    EXPECT_NE(r.out.find("old\nmodel.onnx\n"), std::string::npos) << r.out;
}

TEST(FullDisk, SLOW_OptimizeSaysSoAndWritesNoHalfAnswer) {
    const std::string scratch = scratch_folder(), data = pictures(scratch), folder = scratch + "/disk";
    hone::make_directories(folder);
    const hone::ProcessResult r = with_small_disk(folder, "true", "optimize " + example_model() + " --data " + data + " --max-drop 100% --processes 2 --samples 8 --out " + folder, "ls -A " + folder);
    if (r.exit_code == 99) GTEST_SKIP() << "no file system may be mounted here";
    expect_disk_error(r);
    EXPECT_EQ(r.out.find("optimized.onnx"), std::string::npos) << r.out;
}

TEST(FullDisk, JsonFile) {
    const std::string folder = scratch_folder() + "/disk";
    hone::make_directories(folder);
    const hone::ProcessResult r = with_small_disk(folder, "head -c 70000 /dev/zero > " + folder + "/fill 2>/dev/null", "inspect --no-time " + example_model() + " --json=" + folder + "/x.json", "ls -A " + folder);
    if (r.exit_code == 99) GTEST_SKIP() << "no file system may be mounted here";
    expect_disk_error(r);
    EXPECT_EQ(r.out.find("x.json"), std::string::npos) << r.out;
}
