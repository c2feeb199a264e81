// SPDX-License-Identifier: Apache-2.0
#include "record/journal.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "support.h"

using namespace hone;
using namespace hone::record;

namespace {

struct TempFile {
    std::string path;
    TempFile() : path(cat("/tmp/hone_journal_", static_cast<int>(::getpid()), "_", counter()++, ".jsonl")) {}
    explicit TempFile(std::string p) : path(std::move(p)) {}
    ~TempFile() { ::unlink(path.c_str()); }
    static int& counter() {
        static int n = 0;
        return n;
    }
};

double must_not_run() {
    ADD_FAILURE() << "measured again";
    return 0;
}

TEST(Journal, WhatWasMeasuredIsReadAgainBitForBit) {
    TempFile f;
    const std::vector<double> odd = {0.1 + 0.2, 1e-300, -0.0, 123456789.123456789, std::nan("")};
    {
        Journal j = Journal::open(f.path, "m");
        EXPECT_EQ(j.number("a|b|2", [] { return 1.0 / 3; }), 1.0 / 3);
        EXPECT_EQ(j.number("a|b|2", must_not_run), 1.0 / 3);
        j.recall("answers \"quoted\"\n|x", [&] { return Journal::Noted{odd, "sha:00ff"}; });
        EXPECT_EQ(j.recorded(), 2u);
        EXPECT_EQ(j.recalled(), 1u);
    }
    for (bool append : {true, false}) {
        Journal j = append ? Journal::open(f.path, "m") : Journal::read(f.path);
        EXPECT_TRUE(j.words().empty());
        EXPECT_EQ(j.machine(), "m");
        EXPECT_EQ(j.number("a|b|2", must_not_run), 1.0 / 3);
        const Journal::Noted* n = j.find("answers \"quoted\"\n|x");
        ASSERT_TRUE(n);
        EXPECT_EQ(n->text, "sha:00ff");
        ASSERT_EQ(n->values.size(), odd.size());
        for (size_t i = 0; i + 1 < odd.size(); ++i) {
            EXPECT_EQ(n->values[i], odd[i]);
            EXPECT_EQ(std::signbit(n->values[i]), std::signbit(odd[i]));
        }
        EXPECT_TRUE(std::isnan(n->values.back()));
        EXPECT_EQ(j.entries().front().key, "a|b|2");
        EXPECT_FALSE(j.find("absent"));
    }
}

TEST(Journal, EveryCutOfTheFileIsAReadablePrefixAndIsContinued) {
    TempFile f;
    {
        Journal j = Journal::open(f.path, "m");
        for (int i = 0; i < 4; ++i) j.number(cat("k", i), [i] { return i + 0.5; });
    }
    const std::string whole = read_file(f.path);
    for (size_t cut = 0; cut <= whole.size(); ++cut) {
        write_file_atomic(f.path, whole.substr(0, cut));
        Journal j = Journal::open(f.path, "m");
        const auto kept = j.entries();
        for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i].values, std::vector<double>{static_cast<double>(i) + 0.5});
        EXPECT_EQ(j.words().empty(), cut == 0 || whole[cut - 1] == '\n') << cut;
        for (int i = 0; i < 4; ++i) j.number(cat("k", i), [i] { return i + 0.5; });
        EXPECT_EQ(read_file(f.path), whole) << cut;
    }
}

TEST(Journal, AKilledWriterLeavesAPrefix) {
    TempFile f;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        Journal j = Journal::open(f.path, "m");
        for (int i = 0;; ++i) j.number(cat("key ", i), [i] { return i * 1.5; });
    }
    ::usleep(30000);
    ::kill(child, SIGKILL);
    int status;
    ::waitpid(child, &status, 0);
    Journal j = Journal::open(f.path, "m");
    const auto kept = j.entries();
    EXPECT_FALSE(kept.empty());
    for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i].values[0], static_cast<double>(i) * 1.5);
}

TEST(Journal, StopsAtTheFirstBadLineWithAWord) {
    TempFile f;
    {
        Journal j = Journal::open(f.path, "m");
        for (int i = 0; i < 3; ++i) j.number(cat("k", i), [i] { return i; });
    }
    const std::string good = read_file(f.path);
    for (const char* bad : {"\n", "nonsense\n", "{}\n", "{\"schema\":\"hone.journal/9\",\"key\":\"k\"}\n", "[1,2]\n",
                            "{\"schema\":\"hone.journal/1\",\"key\":7}\n", "{\"schema\":\"hone.journal/1\",\"key\":\"k\",\"values\":[\"x\"]}\n"}) {
        const size_t second = good.find('\n', good.find('\n') + 1) + 1;
        write_file_atomic(f.path, good.substr(0, second) + bad + good.substr(second));
        Journal j = Journal::read(f.path);
        EXPECT_EQ(j.entries().size(), 1u) << bad;
        ASSERT_EQ(j.words().size(), 1u) << bad;
        EXPECT_NE(j.words()[0].find("line 3"), std::string::npos) << j.words()[0];
    }
    write_file_atomic(f.path, std::string_view("no journal at all\n"));
    EXPECT_TRUE(Journal::read(f.path).entries().empty());
    EXPECT_TRUE(Journal::open(f.path, "m").entries().empty());
    EXPECT_TRUE(Journal::read(f.path).words().empty());  // begun anew
}

TEST(Journal, OfAnotherMachineIsBegunAnewButMayBeReplayed) {
    TempFile f;
    Journal::open(f.path, "one").number("k", [] { return 1.0; });
    EXPECT_EQ(Journal::read(f.path).number("k", must_not_run), 1.0);
    Journal j = Journal::open(f.path, "two");
    EXPECT_EQ(j.words().size(), 1u);
    EXPECT_EQ(j.number("k", [] { return 2.0; }), 2.0);
    EXPECT_FALSE(machine_key().empty());
}

TEST(Journal, BegunAnewItKeepsWhatAnUnfinishedRunNoted) {
    TempFile f, old{f.path + ".old"}, second{f.path + ".old2"};
    EXPECT_TRUE(Journal::open(f.path, "m", true).words().empty());
    for (const TempFile* kept : {&old, &second}) {
        Journal::open(f.path, "m").number("k", [] { return 1.0; });
        const std::string text = read_file(f.path);
        Journal j = Journal::open(f.path, "m", true);
        ASSERT_EQ(j.words().size(), 1u);
        EXPECT_NE(j.words()[0].find(kept->path), std::string::npos) << j.words()[0];
        EXPECT_NE(j.words()[0].find("--resume"), std::string::npos) << j.words()[0];
        EXPECT_EQ(read_file(kept->path), text);
        EXPECT_TRUE(j.entries().empty());
        EXPECT_EQ(error_of([&] { Journal::open(f.path, "m", true); }), "journal.busy");
    }
    EXPECT_EQ(Journal::read(old.path).number("k", must_not_run), 1.0);
    Journal through = Journal::open(f.path, "m");
    through.number("k", [] { return 1.0; });
    through.finish();
    through = Journal::read(f.path);
    EXPECT_EQ(through.entries().size(), 2u);
    Journal j = Journal::open(f.path, "m", true);
    EXPECT_TRUE(j.words().empty());
    EXPECT_TRUE(j.entries().empty());
    EXPECT_FALSE(file_exists(f.path + ".old3"));
}

TEST(Journal, OneWriterAndErrors) {
    TempFile f;
    Journal j = Journal::open(f.path, "m");
    try {
        Journal::open(f.path, "m");
        FAIL() << "opened twice";
    } catch (const Error& e) {
        EXPECT_EQ(e.id, "journal.busy");
    }
    EXPECT_THROW(Journal::open("/nowhere/at/all/j", "m"), Error);
    EXPECT_THROW(Journal::read("/nowhere/at/all/j"), Error);
    j.numbers("two", [] { return std::vector<double>{1, 2}; });
    EXPECT_THROW(j.number("two", must_not_run), Error);
    EXPECT_THROW(j.number("fails", []() -> double { fail(ErrorKind::data, "x", "y"); }), Error);
    EXPECT_FALSE(j.find("fails"));
}

TEST(Journal, AFullDiskIsAnErrorAndLosesNothing) {
    TempFile f;  // a limit on file sizes stops writes as a full disk does
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        Journal j = Journal::open(f.path, "m");
        j.number("first", [] { return 1.0; });
        const struct rlimit limit = {400, 400};
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(3);
        try {
            for (int i = 0; i < 100; ++i) j.number(cat("key ", i), [] { return 2.0; });
        } catch (const Error& e) {
            ::_exit(e.id == "file.write" ? 0 : 2);
        }
        ::_exit(1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    const Journal j = Journal::read(f.path);
    EXPECT_TRUE(j.words().empty());
    EXPECT_TRUE(j.find("first"));
}

}  // namespace
