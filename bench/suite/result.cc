// SPDX-License-Identifier: Apache-2.0
#include "suite/result.h"

#include <algorithm>
#include <cstdio>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "record/json.h"
#include "record/table.h"

namespace hone::suite {

using record::number_text;

namespace {
constexpr double calm_load = 3;  // our own two threads make up to 2 of it, and a busy loop 1 more

std::string value_text(double v, bool memory) { return memory ? human_bytes(v) : number_text(v); }

std::string middle(const Seen& s, bool memory) {
    return s.timed() ? value_text(median(s.values()), memory) : s.trouble.substr(0, s.trouble.find(':'));
}
std::string least(const Seen& s, bool memory) { return s.timed() ? value_text(minimum(s.values()), memory) : ""; }

std::vector<std::string> notes_of(const Comparison& c, const Seen& ours, const Seen& theirs) {
    std::vector<std::string> notes;
    if (!c.note.empty()) notes.push_back(c.note);
    const std::string who = c.peers_only ? "first" : "hone";
    if (!ours.note.empty()) notes.push_back(cat(who, ": ", ours.note));
    if (!theirs.note.empty()) notes.push_back(cat("peer: ", theirs.note));
    if (!ours.trouble.empty()) notes.push_back(cat(who, " ", ours.trouble));
    if (!theirs.trouble.empty()) notes.push_back(cat("peer ", theirs.trouble));
    if (ours.timed() && !ours.error) notes.push_back(cat(who, "'s answer unchecked"));
    return notes;
}

/// What the table has columns for and the record has not.
std::vector<std::string> further_notes(const Comparison& c, const record::SuiteRow& r, const Seen& ours,
                                       const Seen& theirs) {
    const bool memory = c.our_memory.has_value();
    std::vector<std::string> notes;
    if (ours.timed()) notes.push_back(cat(c.peers_only ? "first" : "hone", " min ", least(ours, memory)));
    if (theirs.timed()) notes.push_back(cat("peer min ", least(theirs, memory)));
    if (r.floor_ms && r.hone_ms) notes.push_back(cat("share of the floor ", number_text(*r.floor_ms / *r.hone_ms)));
    if (ours.error) notes.push_back(cat("error ", number_text(*ours.error)));
    return notes;
}
}  // namespace

Result::Result() {
    suite_.cpu = cat(cpu_model(), " (", isa_name(usable_isa()), ", ", available_cores(), " cores)");
    suite_.load.push_back(load_average());
}

void Result::saw(const std::vector<Entry>& entries, const std::vector<Seen>& seen) {
    suite_.load.push_back(load_average());
    for (size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].engine == "hone") continue;
        const std::string version = seen[i].trouble == "missing" ? "missing" : seen[i].version;
        const auto known = std::find_if(suite_.peers.begin(), suite_.peers.end(),
                                        [&](const auto& p) { return p.first == entries[i].engine; });
        if (known == suite_.peers.end())
            suite_.peers.emplace_back(entries[i].engine, version);
        else if (known->second.empty())
            known->second = version;
    }
}

void Result::add(const std::vector<Seen>& seen, const Comparison& c) {
    const Seen &ours = seen[c.ours], &theirs = seen[c.theirs];
    const bool memory = c.our_memory.has_value();
    record::SuiteRow r;
    r.network = c.network;
    r.row = c.row;
    r.precision = c.precision;
    r.threads = c.threads;
    r.batch = c.batch;
    r.peer = c.peer;
    if (ours.timed() && !c.peers_only && !memory) r.hone_ms = median(ours.values());
    if (theirs.timed() && !memory) r.peer_ms = median(theirs.values());
    if (ours.timed()) r.hone_memory = c.our_memory;
    if (theirs.timed()) r.peer_memory = c.their_memory;
    r.ratio = ratio(seen, c.ours, c.theirs);
    if (c.floor_ms > 0) r.floor_ms = c.floor_ms;
    std::vector<std::string> notes = notes_of(c, ours, theirs);
    cells_.push_back({c.network, c.row, c.precision, std::to_string(c.threads), c.peer, middle(ours, memory),
                      least(ours, memory), middle(theirs, memory), least(theirs, memory),
                      r.ratio ? number_text(r.ratio->estimate) : "",
                      r.ratio ? cat(number_text(r.ratio->low), " to ", number_text(r.ratio->high)) : "",
                      r.floor_ms ? number_text(*r.floor_ms) : "",
                      r.floor_ms && r.hone_ms ? cat(number_text(100 * *r.floor_ms / *r.hone_ms), " %") : "",
                      ours.error ? number_text(*ours.error) : "", join(notes, "; ")});
    const std::vector<std::string> further = further_notes(c, r, ours, theirs);
    notes.insert(notes.end(), further.begin(), further.end());
    r.note = join(notes, "; ");
    suite_.rows.push_back(std::move(r));
}

void Result::remark(const std::string& line) {
    if (std::find(remarks_.begin(), remarks_.end(), line) == remarks_.end()) remarks_.push_back(line);
}

void Result::print(const Args& args) {
    const std::string json = record::to_json(suite_);
    if (args.json && args.json_file.empty()) {
        std::fputs(json.c_str(), stdout);
        return;
    }
    if (args.json) write_file_atomic(args.json_file, json);
    record::Table table({"network", "row", "precision", "threads", "peer", "hone ms", "min", "peer ms", "min",
                         "hone/peer", "95 %", "floor ms", "reached", "error", "note"});
    for (auto& row : cells_) table.add(row);
    std::fputs(table.text().c_str(), stdout);
    std::string peers;
    for (const auto& [name, version] : suite_.peers) peers += cat(", ", name, " ", version);
    std::printf("%s; load %s before, %s after%s\n", suite_.cpu.c_str(), number_text(suite_.load.front()).c_str(),
                number_text(suite_.load.back()).c_str(), peers.c_str());
    std::printf(
        "Medians of interleaved turns; below 1 hone is faster, or takes less memory. The floor is the greater of\n"
        "2 * MACs over the rate of the best direct kernel and of the weights' bytes over the bandwidth; fewer\n"
        "multiplications may beat it.\n");
    if (*std::max_element(suite_.load.begin(), suite_.load.end()) > calm_load + own_load_)
        std::printf(
            "The machine was busy: neither times nor floors are those of a calm one, and the ratios are wide.\n");
    for (const std::string& line : remarks_) std::printf("%s\n", line.c_str());
}

}  // namespace hone::suite
