// SPDX-License-Identifier: Apache-2.0
// The page from a run.json that was read again, for runs of random content.
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "record/json.h"
#include "record/runs.h"
#include "record/visit.h"
#include "report/report.h"
#include "sample_run.h"

#include <gtest/gtest.h>

using namespace hone;

namespace {

/// Visits a record and sets every field at random; names of objects stay unique, as JSON keeps them.
struct Random {
    Rng& rng;
    template <class T>
    void operator()(std::string_view, T& x) {
        set(x);
    }
    double number() {
        static const double special[] = {0, -0.0, 1, 1e300, -1e300, 5e-324, std::nan(""), 0.1, 1.0 / 3};
        const uint64_t pick = rng.below(16);
        return pick < 9 ? special[pick] : std::ldexp(rng.normal(), static_cast<int>(rng.below(60)) - 40);
    }
    std::string word() {
        static const char* words[] = {"", "conv1", "<b>", "&amp;", "\"'", "\xc3\xa9\xe2\x82\xac", "a\nb", "\x1b[2J", "%s"};
        return words[rng.below(9)];
    }
    void set(bool& x) { x = rng.below(2) == 1; }
    void set(int64_t& x) { x = static_cast<int64_t>(rng.next_u64()) >> rng.below(64); }
    void set(double& x) { x = number(); }
    void set(std::string& x) { x = word() + word(); }
    template <class T>
    void set(std::optional<T>& x) {
        x.reset();
        if (rng.below(4) > 0) set(x.emplace());
        if constexpr (std::is_same_v<T, double>)
            if (x && std::isnan(*x)) x.reset();  // both are null
    }
    template <class T>
    void set(std::vector<T>& x) {
        x.resize(rng.below(5));
        for (size_t i = 0; i < x.size(); ++i) {
            if constexpr (record::is_pairs<std::vector<T>>) {
                x[i].first = word() + std::to_string(i);
                set(x[i].second);
            } else {
                set(x[i]);
            }
        }
    }
    template <class T>
    requires std::is_class_v<T>
    void set(T& x) {
        record::visit_fields(x, *this);
    }
};

}  // namespace

TEST(Report, FromARunReadAgainIsTheSameByteForByte) {
    for (uint64_t seed = 0; seed < 300; ++seed) {
        Rng rng(seed);
        record::Run run;
        Random{rng}.set(run);
        const std::string text = record::to_json(run);
        const record::Run again = record::run_from_json(text);
        ASSERT_EQ(record::to_json(again), text) << "seed " << seed;
        ASSERT_EQ(report::html_report(again), report::html_report(run)) << "seed " << seed;
        ASSERT_EQ(report::terminal_report(again), report::terminal_report(run)) << "seed " << seed;
        record::Runs two;
        two.runs = {record::summary_of("a/run.json", run), record::summary_of("", again)};
        const std::string page = report::runs_page(two);
        EXPECT_EQ(page.find("<b>&"), std::string::npos);
        EXPECT_EQ(page.find('\x1b'), std::string::npos);
        EXPECT_EQ(report::runs_table(two).find('\x1b'), std::string::npos);
    }
    for (const record::Run& run : {report::sample_run(), report::refused_run()})
        EXPECT_EQ(report::html_report(record::run_from_json(record::to_json(run))), report::html_report(run));
}
