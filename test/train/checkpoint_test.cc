// SPDX-License-Identifier: Apache-2.0
// Checkpoints in a folder: two are kept, a damaged one gives way to the one before, what a killed process left goes.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "support.h"
#include "train/checkpoint.h"
#include "train/scratch.h"

using namespace hone;
using namespace hone::train;

namespace {

class Store : public testing::Test {
  protected:
    void save(CheckpointStore& s, int64_t step) {
        record::Checkpoint m;
        m.step = step;
        m.open.loss = 0.1 + 0.2;
        s.save(m, {{"states/w", Tensor::of_f32({static_cast<float>(step), 2})}, {"states/n", Tensor::scalar_i64(step)}});
    }
    /// The step of the newest that can be taken, from a store of its own; -1: there is none.
    int64_t newest() {
        words_.clear();
        CheckpointStore s(folder_, false);
        const std::optional<Checkpoint> c = s.newest(words_);
        if (!c) return -1;
        EXPECT_EQ(c->tensors.at("states/w").at(0), static_cast<double>(c->manifest.step));
        EXPECT_EQ(c->tensors.at("states/n").at_int(0), c->manifest.step);
        EXPECT_EQ(c->manifest.open.loss, 0.1 + 0.2);
        return c->manifest.step;
    }
    std::vector<std::string> files() { return list_directory(folder_); }
    void write(const std::string& name, const std::string& bytes) { write_file_atomic(folder_ + "/" + name, bytes); }
    std::string read(const std::string& name) { return read_file(folder_ + "/" + name); }

    const Scratch scratch_{"store"};
    const std::string folder_ = scratch_.path();
    std::vector<std::string> words_;
};

}  // namespace

TEST_F(Store, KeepsTheTwoNewest) {
    EXPECT_EQ(newest(), -1);  // there is no folder yet
    {
        CheckpointStore s(folder_);
        for (int64_t step = 1; step <= 12; ++step) {
            save(s, step);
            EXPECT_EQ(newest(), step);
        }
        EXPECT_EQ(files(), (std::vector<std::string>{"checkpoint-000011.json", "checkpoint-000011.safetensors", "checkpoint-000012.json", "checkpoint-000012.safetensors"}));
    }
    CheckpointStore again(folder_);  // goes on counting
    ASSERT_TRUE(again.newest(words_));
    save(again, 13);
    EXPECT_EQ(newest(), 13);
    EXPECT_EQ(files()[0], "checkpoint-000012.json");
    EXPECT_EQ(files().size(), 4u);
}

TEST_F(Store, ADamagedOneGivesWayToTheOneBefore) {
    {
        CheckpointStore s(folder_);
        save(s, 1);
        save(s, 2);
    }
    for (const std::string name : {"checkpoint-000002.json", "checkpoint-000002.safetensors"}) {
        const std::string whole = read(name);
        std::vector<std::string> damaged = {"", whole.substr(0, 5), whole.substr(0, whole.size() / 2), whole.substr(0, whole.size() - 3), whole + "x"};
        for (size_t at = 0; at < whole.size(); at += 7) {
            std::string flipped = whole;
            flipped[at] = static_cast<char>(flipped[at] ^ 4);
            damaged.push_back(flipped);
        }
        int noticed = 0;
        for (const std::string& bytes : damaged) {
            write(name, bytes);
            const int64_t step = newest();
            noticed += step == 1;
            if (step == 1) EXPECT_NE(words_.at(0).find("checkpoint-000002.json cannot be taken"), std::string::npos) << words_.at(0);
            else EXPECT_EQ(step, 2);  // white space, or the name of an absent field: nothing is lost
        }
        EXPECT_GT(noticed, static_cast<int>(damaged.size()) * 6 / 10) << name;
        write(name, whole);
    }
    EXPECT_EQ(newest(), 2);
    ::unlink((folder_ + "/checkpoint-000002.safetensors").c_str());
    EXPECT_EQ(newest(), 1);
    CheckpointStore s(folder_);  // the damaged one goes with the next, the one before stays
    ASSERT_EQ(s.newest(words_)->manifest.step, 1);
    save(s, 3);
    EXPECT_EQ(newest(), 3);
    EXPECT_EQ(files(), (std::vector<std::string>{"checkpoint-000001.json", "checkpoint-000001.safetensors", "checkpoint-000003.json", "checkpoint-000003.safetensors"}));
    write("checkpoint-000001.json", "{}");
    write("checkpoint-000003.json", "{}");
    EXPECT_EQ(error_of([&] { newest(); }), "train.checkpoint");
}

TEST_F(Store, AChangedManifestIsNoticed) {
    {
        CheckpointStore s(folder_);
        save(s, 1);
        save(s, 2);
    }
    std::string text = read("checkpoint-000002.json");
    text.replace(text.find("\"step\": 2"), 9, "\"step\": 7");
    write("checkpoint-000002.json", text);
    EXPECT_EQ(newest(), 1);
}

TEST_F(Store, WhatAKilledProcessLeftGoes) {
    {
        CheckpointStore s(folder_);
        save(s, 1);
    }
    write("mine.txt", "stays");
    write(".checkpoint-000002.safetensors.Ab12Cd", "half");
    write("checkpoint-000002.safetensors", "without a manifest");
    EXPECT_EQ(newest(), 1);
    EXPECT_EQ(files().size(), 5u);  // who only reads changes nothing
    CheckpointStore s(folder_);
    EXPECT_EQ(files(), (std::vector<std::string>{"checkpoint-000001.json", "checkpoint-000001.safetensors", "mine.txt"}));
    ASSERT_TRUE(s.newest(words_));
    save(s, 2);
    EXPECT_EQ(newest(), 2);
    EXPECT_EQ(error_of([&] { CheckpointStore other(folder_); }), "train.busy");
}

TEST_F(Store, AnInterruptedSaveLeavesTheOthers) {
    CheckpointStore s(folder_);
    save(s, 1);
    const std::vector<std::string> before = files();
    set_interrupted(true);
    EXPECT_EQ(error_of([&] { save(s, 2); }), "interrupted");
    set_interrupted(false);
    EXPECT_EQ(files(), before);
    EXPECT_EQ(newest(), 1);
    save(s, 2);
    EXPECT_EQ(newest(), 2);
}

TEST(CheckpointEvery, StepsTimesEpochs) {
    CheckpointOptions o;
    o.folder = "x";
    set_checkpoint_every(o, "500");
    EXPECT_EQ(o.every_steps, 500);
    EXPECT_EQ(o.every_seconds, 0);
    EXPECT_FALSE(o.every_epoch);
    set_checkpoint_every(o, "epoch,90s,7steps");
    EXPECT_EQ(o.every_steps, 7);
    EXPECT_EQ(o.every_seconds, 90);
    EXPECT_TRUE(o.every_epoch);
    set_checkpoint_every(o, "1.5h");
    EXPECT_EQ(o.every_seconds, 5400);
    EXPECT_EQ(o.folder, "x");
    set_checkpoint_every(o, "never");
    EXPECT_EQ(o.folder, "");
    for (const char* wrong : {"", "0", "-3", "1.5", "10x", "epochs", "10m,", "m", "nan", "inf", "never,epoch"})
        EXPECT_EQ(error_of([&] { set_checkpoint_every(o, wrong); }), "usage.value") << wrong;
}
