// SPDX-License-Identifier: Apache-2.0
// `mpirun -n 2 hone train`: what one rank would have trained, written once, said once; and the ends of a run that has lost
// a rank. Without mpirun skipped with a word.
#include <filesystem>

#include "base/rng.h"
#include "command.h"
#include "onnx/reader.h"

namespace {

using Words = std::vector<std::string>;

const std::string kMpirun = "/usr/bin/mpirun";
bool has_mpi() { return hone::file_exists(kMpirun) && hone::file_exists(hone::parent_directory(HONE_BINARY) + "/libhone_mpi.so"); }

/// Started by `shell`, which finds its own number in $OMPI_COMM_WORLD_RANK.
std::string mpirun(int ranks, const std::string& command) {
    return hone::cat(kMpirun, " --allow-run-as-root --oversubscribe --bind-to none -n ", ranks, " ", command);
}
hone::ProcessResult shell(const std::string& script) { return hone::run_process({"/bin/sh", "-c", script}); }

/// 400 pictures 28x28: noise with one bright row, which is the class.
std::string pictures(const std::string& folder) {
    hone::make_directories(folder);
    const int n = 400;
    const auto word = [](int v) { return std::string{static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8), static_cast<char>(v)}; };
    std::string images = std::string("\0\0\x08\x03", 4) + word(n) + word(28) + word(28), labels = std::string("\0\0\x08\x01", 4) + word(n);
    hone::Rng rng(9);
    for (int i = 0; i < n; ++i) {
        labels += static_cast<char>(i % 10);
        for (int k = 0; k < 784; ++k) images += static_cast<char>(k / 28 == 2 * (i % 10) + 4 ? 200 : static_cast<int>(120 * rng.uniform()));
    }
    write_text(folder + "/images.idx3-ubyte", images);
    write_text(folder + "/labels.idx1-ubyte", labels);
    return folder;
}
/// A table of four numbers and a class; three of its rows may overflow.
std::string table(const std::string& file, bool broken) {
    std::string text = "a,b,c,d,label\n";
    hone::Rng rng(4);
    for (int i = 0; i < 300; ++i) {
        for (int k = 0; k < 4; ++k) text += hone::cat(broken && i % 100 == 7 ? 3e38 : rng.normal() + (i % 3 == k), ",");
        text += hone::cat("c", i % 3, "\n");
    }
    write_text(file, text);
    return file;
}
std::string network(const std::string& folder, const Words& what) {
    const std::string file = folder + "/net.onnx";
    Words command{"new"};
    command.insert(command.end(), what.begin(), what.end());
    command.insert(command.end(), {"--seed", "5", "--out", file});
    EXPECT_EQ(hone_command(command).exit_code, 0);
    return file;
}
size_t count(const std::string& text, const std::string& what) {
    size_t n = 0;
    for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++n;
    return n;
}
TEST(Mpi, WithoutItsModuleALaunchedHoneSaysSo) {
    const std::string folder = scratch_folder(), copy = folder + "/hone";
    std::filesystem::copy_file(HONE_BINARY, copy);
    const std::string net = network(folder, {"mlp", "--input", "4", "--classes", "3"});
    const hone::ProcessResult r = shell("OMPI_COMM_WORLD_SIZE=2 " + copy + " train " + net + " --data " + table(folder + "/t.csv", false));
    EXPECT_EQ(r.exit_code, 4) << r.err;
    EXPECT_NE(r.err.find("dist.module"), std::string::npos) << r.err;
    const hone::ProcessResult alone = shell("OMPI_COMM_WORLD_SIZE=1 " + copy + " train " + net + " --data " + folder + "/t.csv --out " + folder);
    EXPECT_EQ(alone.exit_code, 0) << alone.err;
}

/// At a learning rate at which roundings do not grow within these 42 steps: beyond it one rank parts as far from itself on
/// another instruction set.
TEST(Mpi, PEERTwoRanksTrainWhatOneWould) {
    HONE_REQUIRE(has_mpi(), "mpirun or the module for it");
    const std::string folder = scratch_folder(), data = pictures(folder + "/data");
    for (const bool norm : {true, false}) {
        const std::string net = network(folder, norm ? Words{"resnet", "--depth", "20", "--width", "0.5", "--input", "1x28x28", "--classes", "10"} : Words{"mlp", "--input", "1x28x28", "--classes", "10"});
        const std::string at = folder + (norm ? "/norm_" : "/plain_"), train = hone::cat(HONE_BINARY, " train ", net, " --data ", data, norm ? " --lr 1e-4 --sync-batch-norm" : " --lr 0.02 --momentum 0.9",
                                            " --epochs 3 --batch 20 --augment flip --clip-norm 5 --json --out ", at);
        const hone::ProcessResult one = shell(train + "one --threads 1"), two = shell(mpirun(2, train + "two"));
        ASSERT_EQ(one.exit_code, 0) << one.err;
        ASSERT_EQ(two.exit_code, 0) << two.err;
        const Json a = Json::parse(one.out), b = Json::parse(two.out);  // rank 0 alone prints: it is one document
        EXPECT_EQ(a.number("ranks"), 1);
        EXPECT_EQ(b.number("ranks"), 2);
        for (int e = 0; e < 3; ++e) {
            const std::string epoch = hone::cat("history.", e, ".");
            EXPECT_NEAR(b.number(epoch + "loss"), a.number(epoch + "loss"), 1e-5 * a.number(epoch + "loss")) << norm << e;
            EXPECT_NEAR(b.number(epoch + "metrics.top1"), a.number(epoch + "metrics.top1"), 0.03) << norm << e;
        }
        if (!norm) EXPECT_LT(a.number("history.2.loss"), 0.9 * a.number("history.0.loss"));
        EXPECT_NEAR(b.number("metrics.top1"), a.number("metrics.top1"), 0.03);
        EXPECT_EQ(hone::list_directory(at + "two"), hone::list_directory(at + "one"));
        EXPECT_EQ(count(two.err, "epoch 2:"), 1u) << two.err;
    }
}

TEST(Mpi, PEERAMistakeIsSaidOnce) {
    HONE_REQUIRE(has_mpi(), "mpirun or the module for it");
    const std::string folder = scratch_folder(), net = network(folder, {"mlp", "--input", "4", "--classes", "3"});
    const hone::ProcessResult r = shell(mpirun(3, hone::cat(HONE_BINARY, " train ", net, " --data ", table(folder + "/t.csv", false), " --batch 20")));
    EXPECT_EQ(r.exit_code, 2) << r.err;
    EXPECT_EQ(count(r.err, "[train.ranks]"), 1u) << r.err;
    EXPECT_NE(r.err.find("--batch 18"), std::string::npos) << r.err;
}

TEST(Mpi, PEERAnOverflowOnOneRankEndsAllWithAWord) {
    HONE_REQUIRE(has_mpi(), "mpirun or the module for it");
    const std::string folder = scratch_folder(), net = network(folder, {"mlp", "--input", "4", "--classes", "3"});
    const hone::ProcessResult r = shell(mpirun(2, hone::cat(HONE_BINARY, " train ", net, " --data ", table(folder + "/t.csv", true), " --batch 20 --epochs 1000 --standardise no --out ", folder, "/out")));
    EXPECT_EQ(r.exit_code, 5) << r.err;
    EXPECT_EQ(count(r.err, "[train.diverged]"), 1u) << r.err;
    EXPECT_EQ(count(r.err, " on rank "), 1u) << r.err;
    EXPECT_FALSE(hone::file_exists(folder + "/out/net_trained.onnx"));
}

/// One rank is killed in the middle of a run that would last for hours; the second time of one that goes on from there.
TEST(Mpi, PEERAKilledRankEndsTheRun) {
    HONE_REQUIRE(has_mpi(), "mpirun or the module for it");
    const std::string folder = scratch_folder(), net = network(folder, {"mlp", "--input", "4", "--classes", "3"});
    table(folder + "/t.csv", false);
    for (const char* rank : {"0", "1"}) {
        write_text(folder + "/rank.sh", hone::cat("echo $$ > ", folder, "/pid$OMPI_COMM_WORLD_RANK\nexec ", HONE_BINARY, " train ", net, " --data ", folder, "/t.csv --batch 20 --epochs 10000000 --resume --out ", folder, "/out\n"));
        const hone::ProcessResult r = shell(hone::cat("cd ", folder, "\nrm -f err.txt pid0 pid1\n", mpirun(2, "sh rank.sh > out.txt 2> err.txt &\n"), R"(
all=$!
for i in $(seq 600); do grep -c 'epoch [0-9]*:' err.txt | grep -qvx '[012]' && break; sleep 0.1; done
kill -9 $(cat pid)", rank, R"()
for i in $(seq 600); do kill -0 $all 2>/dev/null || break; sleep 0.1; done
kill -0 $all 2>/dev/null && { echo HANGS; kill -9 $all $(cat pid0 pid1); }
wait $all
echo code $?
cat err.txt)"));
        EXPECT_EQ(r.out.find("HANGS"), std::string::npos) << r.out;
        EXPECT_GE(count(r.out, "epoch "), 3u) << r.out;
        EXPECT_EQ(r.out.find("epoch 1:") == std::string::npos, std::string(rank) == "1") << r.out;
        EXPECT_EQ(r.out.find("code 0"), std::string::npos) << r.out;
        EXPECT_NE(r.out.find("ignal 9"), std::string::npos) << r.out;  // the word is mpirun's: "exited on signal 9 (Killed)"
        EXPECT_FALSE(hone::file_exists(folder + "/out/net_trained.onnx"));
        const hone::ProcessResult left = shell(hone::cat("cd ", folder, "; for p in $(cat pid0 pid1); do [ -e /proc/$p ] && ! grep -q '^State:.*Z' /proc/$p/status && echo $p; done; true"));
        EXPECT_EQ(left.out, "");
    }
}

}  // namespace
