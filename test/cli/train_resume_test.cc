// SPDX-License-Identifier: Apache-2.0
// `hone train` killed, stopped, and out of disk: it goes on from its checkpoints, to the bit.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/rng.h"
#include "base/timing.h"
#include "command.h"
#include "onnx/writer.h"
#include "op/builder.h"
#include "train/scratch.h"

extern char** environ;

namespace {

using namespace hone;
using Words = std::vector<std::string>;

/// A small convolution with batch normalisation, on 28x28.
std::string write_network(const std::string& folder) {
    Graph g;
    g.opsets[""] = 13;
    Builder b(g);
    Rng rng(5);
    const auto constant = [&](const char* name, const Dims& d, double mean, double deviation) {
        Tensor t = Tensor::zeros(DType::f32, d);
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, mean + deviation * rng.normal());
        return g.add_constant(name, t);
    };
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 1, 28, 28}));
    ValueId y = b.node("Conv", {x, constant("w", {16, 1, 3, 3}, 0, 0.3)}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 2}}});
    y = b.node("BatchNormalization", {y, constant("scale", {16}, 1, 0), constant("bias", {16}, 0, 0), constant("mean", {16}, 0, 0), constant("var", {16}, 1, 0)});
    y = b.node("Flatten", {b.node("MaxPool", {b.node("Relu", {y})}, {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}})});
    g.outputs = {b.node("Gemm", {y, constant("dense", {4, 784}, 0, 0.03), constant("b", {4}, 0, 0)}, {{"transB", int64_t{1}}})};
    const std::string path = folder + "/net.onnx";
    write_model(g, path);
    return path;
}

/// 240 pictures of four classes: noise with a bright quarter.
std::string write_quarters(const std::string& folder) {
    std::vector<int> labels;
    for (int i = 0; i < 240; ++i) labels.push_back(i % 4);
    write_pictures(folder, labels);
    std::string bytes = read_file(folder + "/images.idx3-ubyte");
    Rng rng(11);
    for (size_t i = 0; i < 240; ++i)
        for (size_t k = 0; k < 784; ++k) {
            const size_t quarter = 2 * (k / 28 / 14) + k % 28 / 14;
            bytes[16 + 784 * i + k] = static_cast<char>(rng.below(quarter == i % 4 ? 256 : 160));
        }
    write_text(folder + "/images.idx3-ubyte", bytes);
    return folder;
}

class TrainResume : public testing::Test {
  protected:
    TrainResume() : scratch_("train"), at_(made(scratch_.path())), model_(write_network(at_)), data_(write_quarters(at_ + "/data")) {}

    /// 168 training samples, 21 steps an epoch: all that a checkpoint has to keep.
    Words command(const std::string& out, const Words& more = {}) const {
        Words w = {"train", model_, "--data", data_, "--out", at_ + "/" + out, "--batch", "8", "--lr", "0.05", "--momentum", "0.9", "--weight-decay", "1e-4",
                   "--accumulate", "4", "--ema", "0.9", "--augment", "flip,shift=2,noise", "--seed", "3", "--threads", "2"};
        w.insert(w.end(), more.begin(), more.end());
        return w;
    }
    std::string trained(const std::string& out) const { return read_file(at_ + "/" + out + "/net_trained.onnx"); }

    static std::string made(const std::string& folder) {
        make_directories(folder);
        return folder;
    }
    const Scratch scratch_;
    const std::string at_, model_, data_;
};

/// Of the newest checkpoint in the folder, how many steps of its epoch are done; 0: none.
double steps_within_epoch(const std::string& folder) {
    double steps = 0;
    if (is_directory(folder))
        for (const std::string& name : list_directory(folder))
            if (name.starts_with("checkpoint-") && name.ends_with(".json")) steps = Json::parse(read_file(folder + "/" + name)).number("batch");
    return steps;
}

/// Starts hone and kills it after so many seconds; false when it had ended, well, before.
bool killed_after(const Words& arguments, double seconds) {
    std::vector<char*> argv = {const_cast<char*>(HONE_BINARY)};
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (const int fd : {1, 2}) posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
    pid_t pid = 0;
    EXPECT_EQ(posix_spawn(&pid, HONE_BINARY, &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::usleep(static_cast<useconds_t>(seconds * 1e6));
    ::kill(pid, SIGKILL);
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status)) EXPECT_EQ(WEXITSTATUS(status), 0);
    return WIFSIGNALED(status);
}

}  // namespace

TEST_F(TrainResume, SLOW_KilledAtFiftyMomentsItEndsWithTheSameBits) {
    const Words how = {"--epochs", "4", "--schedule", "one_cycle", "--patience", "3", "--checkpoint-every", "3,epoch", "--quiet"};
    const double begin = now_seconds();
    const ProcessResult whole = hone_command(command("whole", how));
    ASSERT_EQ(whole.exit_code, 0) << whole.err;
    const double seconds = now_seconds() - begin;
    Words again = command("killed", how);
    again.push_back("--resume");
    Rng rng(7);
    int killed = 0, ended = 0, within_epoch = 0;
    while (killed < 50) {
        if (killed_after(again, 0.7 * seconds * rng.uniform())) {
            ++killed;
            within_epoch += steps_within_epoch(at_ + "/killed/checkpoints") > 0;
            continue;
        }
        ++ended;
        ASSERT_EQ(trained("killed"), trained("whole")) << "after " << killed;
        std::filesystem::remove_all(at_ + "/killed");
    }
    const ProcessResult last = hone_command(again);
    ASSERT_EQ(last.exit_code, 0) << last.err;
    EXPECT_EQ(trained("killed"), trained("whole"));
    size_t kept = 0;
    for (const std::string& name : list_directory(at_ + "/killed/checkpoints")) kept += name.ends_with(".json");
    EXPECT_LE(kept, 2u);
    const Json a = Json::parse(read_file(at_ + "/whole/train.json")), b = Json::parse(read_file(at_ + "/killed/train.json"));
    for (const char* figure : {"history.0.loss", "history.3.loss", "history.3.metrics.top1", "metrics.top1"}) EXPECT_EQ(a.number(figure), b.number(figure)) << figure;
    EXPECT_GT(within_epoch, 5);
    std::printf("killed %d times, %d of them with a checkpoint from within an epoch; %d runs came to their end, alike; a whole run takes %.2f s\n", killed, within_epoch, ended + 1, seconds);
}

TEST_F(TrainResume, ASignalSavesAndSaysHowToGoOn) {
    const ProcessResult whole = hone_command(command("whole", {"--epochs", "2"}));
    ASSERT_EQ(whole.exit_code, 0) << whole.err;
    std::string line;
    for (const std::string& w : command("stopped", {"--epochs", "2", "--checkpoint-every", "1"})) line += " '" + w + "'";
    const std::string script = "'" + std::string(HONE_BINARY) + "'" + line + " & pid=$!; while [ ! -e " + at_ + "/stopped/checkpoints/checkpoint-000001.json ] && kill -0 $pid; do sleep 0.01; done; kill -INT $pid; wait $pid";
    const ProcessResult r = run_process({"/bin/bash", "-c", script});
    if (r.exit_code != 0) {  // else it was faster than the signal
        EXPECT_EQ(r.exit_code, 7) << r.err;
        EXPECT_NE(r.err.find("and saved [interrupted]\n  The same command with --resume goes on from there."), std::string::npos) << r.err;
        EXPECT_FALSE(file_exists(at_ + "/stopped/net_trained.onnx"));
    }
    const ProcessResult on = hone_command(command("stopped", {"--epochs", "2", "--resume"}));
    ASSERT_EQ(on.exit_code, 0) << on.err;
    EXPECT_NE(on.err.find("resumed after step "), std::string::npos) << on.err;
    EXPECT_EQ(trained("stopped"), trained("whole"));
}

TEST_F(TrainResume, WordsOfTheFlags) {
    const auto said = [&](const Words& w, int code, const std::string& words) {
        const ProcessResult r = hone_command(w);
        EXPECT_EQ(r.exit_code, code) << r.err;
        EXPECT_NE(r.err.find(words), std::string::npos) << r.err;
    };
    Words no_out = command("x");
    no_out.erase(no_out.begin() + 4, no_out.begin() + 6);
    no_out.push_back("--resume");
    said(no_out, 2, "Give the folder with --out");
    said(command("x", {"--checkpoint-every", "10x"}), 2, "a time such as 90s or 10m");
    said(command("x", {"--resume", "--time-budget", "1ms"}), 0, "training begins anew");
    said(command("x"), 2, "here are checkpoints of a run that came to step");
    said(command("x", {"--resume", "--lr", "0.1"}), 2, "had --lr '0.05'; now it is '0.1'");
    said(command("x", {"--resume"}), 0, "resumed after step ");
    const std::string folder = at_ + "/x/checkpoints/";
    const Words files = list_directory(folder);
    write_text(folder + files[files.size() - 2], "{");
    said(command("x", {"--resume"}), 0, "the one before it is taken");
    said(command("y", {"--checkpoint-every", "never"}), 0, "");
    EXPECT_FALSE(file_exists(at_ + "/y/checkpoints"));
    EXPECT_EQ(trained("x"), trained("y"));
}

TEST_F(TrainResume, AFullDiskLeavesTheCheckpointBefore) {
    ASSERT_EQ(hone_command(command("whole", {"--epochs", "3"})).exit_code, 0);
    ASSERT_EQ(hone_command(command("full", {"--epochs", "1"})).exit_code, 0);
    const std::string folder = at_ + "/full/checkpoints";
    const Words before = list_directory(folder);
    std::string line;
    for (const std::string& w : command("full", {"--epochs", "3", "--resume", "--checkpoint-every", "7"})) line += " '" + w + "'";
    const ProcessResult r = run_process({"/bin/bash", "-c", "trap '' XFSZ; ulimit -f 8; exec '" + std::string(HONE_BINARY) + "'" + line});
    EXPECT_EQ(r.exit_code, 6) << r.err;  // the model cannot be written either
    EXPECT_NE(r.err.find("warning: no checkpoint after step "), std::string::npos) << r.err;
    EXPECT_NE(r.err.find("the one before is as it was"), std::string::npos) << r.err;
    EXPECT_EQ(list_directory(folder), before);
    const ProcessResult on = hone_command(command("full", {"--epochs", "3", "--resume"}));
    EXPECT_EQ(on.exit_code, 0) << on.err;
    EXPECT_NE(on.err.find("resumed after step 21"), std::string::npos) << on.err;
    EXPECT_EQ(trained("full"), trained("whole"));
}

TEST_F(TrainResume, ARealFullDiskToo) {
    const std::string disk = at_ + "/disk";
    make_directories(disk);
    ASSERT_EQ(hone_command(command("whole", {"--epochs", "3"})).exit_code, 0);
    const auto line = [&](const Words& more) {
        std::string s = std::string("'") + HONE_BINARY + "'";
        for (const std::string& w : command("disk/run", more)) s += " '" + w + "'";
        return s;
    };
    const std::string script = "mount -t tmpfs -o size=512k tmpfs " + disk + " 2>/dev/null || exit 99; " + line({"--epochs", "1", "--quiet"}) + " >/dev/null || exit 1; " +
                               "head -c 600000 /dev/zero > " + disk + "/fill 2>/dev/null; " + line({"--epochs", "3", "--resume", "--quiet"}) + " >/dev/null; [ $? = 6 ] || exit 2; " +
                               "rm " + disk + "/fill; " + line({"--epochs", "3", "--resume"}) + " >/dev/null || exit 3; cp " + disk + "/run/net_trained.onnx " + at_ + "/full.onnx";
    const ProcessResult r = run_process({"/usr/bin/unshare", "-m", "/bin/bash", "-c", script});
    if (r.exit_code == 99) GTEST_SKIP() << "no file system may be mounted here";
    ASSERT_EQ(r.exit_code, 0) << r.err;
    EXPECT_NE(r.err.find("warning: no checkpoint after step 63"), std::string::npos) << r.err;
    EXPECT_NE(r.err.find("resumed after step 21"), std::string::npos) << r.err;
    EXPECT_EQ(read_file(at_ + "/full.onnx"), trained("whole"));
}
