// SPDX-License-Identifier: Apache-2.0
// The journal of what was measured: an append-only text file, one JSON object a line, from key to numbers and a text.
// What a key has once given it gives again, so that a run that is replayed or resumed with its journal decides as it
// did. Times go in, and whatever else is dear to compute (counts of right answers, hashes of answers). A killed process
// leaves a readable prefix: each record is one write of one line.
//
//   Journal j = Journal::open(out + "/journal.jsonl", machine_key);       // reads, then appends
//   double ms = j.number("quick_times|" + a + "|" + b + "|2", [&] { return time_it(); });
//   Journal again = Journal::read("journal.jsonl");                        // replays; what is new stays in memory
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace hone::record {

/// One line. Values are finite or NaN (infinities come back as NaN); they read back bit for bit.
struct JournalEntry {
    static constexpr const char* schema = "hone.journal/1";
    std::string key{};
    std::vector<double> values{};
    std::string text{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("key", s.key);
        v("values", s.values);
        v("text", s.text);
    }
};
/// On one line, without its end.
std::string to_json_line(const JournalEntry& e);
/// Throws data errors as run_from_json does.
JournalEntry journal_entry_from_json(std::string_view line);

class Journal {
  public:
    /// What a key stands for.
    struct Noted {
        std::vector<double> values{};
        std::string text{};
    };

    /// In memory only.
    Journal();
    ~Journal();
    Journal(Journal&&) noexcept;
    Journal& operator=(Journal&&) noexcept;
    /// Appends to `path`, made when absent. `machine` says whose times these are; a file of another machine or version
    /// is begun anew, what follows the first unreadable line is cut off, and `words` says so. With `anew` it is begun anew
    /// whatever it holds; what a run that did not `finish` noted is kept beside it as FILE.old (FILE.old2, ...), and `words`
    /// says so. Throws io "file.*", and io "journal.busy" while another process has it open.
    static Journal open(const std::string& path, const std::string& machine, bool anew = false);
    /// Reads `path` of whatever machine and never writes. Throws io "file.*"; unreadable lines as above.
    static Journal read(const std::string& path);

    /// The recorded value where there is one; else calls `make` and records what it gives before returning it. Safe from
    /// several threads; `make` runs unlocked. Throws io "file.write" when the record cannot be written whole.
    Noted recall(const std::string& key, const std::function<Noted()>& make);
    double number(const std::string& key, const std::function<double()>& make);
    std::vector<double> numbers(const std::string& key, const std::function<std::vector<double>()>& make);
    /// Notes that the run is through.
    void finish();
    /// Null where nothing is recorded; valid as long as the journal.
    const Noted* find(const std::string& key) const;

    /// In the order in which they were recorded.
    std::vector<JournalEntry> entries() const;
    std::string machine() const;          ///< of the file that was read
    std::vector<std::string> words() const;  ///< what was found wrong on reading, for the user
    size_t recalled() const;              ///< how many calls were answered from the record
    size_t recorded() const;              ///< how many records this process added

  private:
    struct State;
    std::unique_ptr<State> s_;
};

/// Of this machine: processor, instruction set, caches, cores. Times of one are not those of another.
std::string machine_key();

}  // namespace hone::record
