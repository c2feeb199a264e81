// SPDX-License-Identifier: Apache-2.0
#include "record/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"

namespace hone::record {

namespace {
constexpr const char* kHeader = "journal";  // the first line's key; its text is the machine
constexpr const char* kEnd = "finished";

std::string kept_name(const std::string& path) {
    std::string name = path + ".old";
    for (int i = 2; file_exists(name); ++i) name = cat(path, ".old", i);
    return name;
}
}  // namespace

struct Journal::State {
    mutable std::mutex lock;
    std::map<std::string, Noted> notes;
    std::vector<std::string> order, words;
    std::string path, machine;
    int fd = -1;
    long long size = 0;  ///< of the readable prefix, bytes
    size_t recalled = 0, recorded = 0;

    ~State() {
        if (fd >= 0) ::close(fd);
    }

    void keep(const std::string& key, Noted n) {
        if (notes.emplace(key, std::move(n)).second) order.push_back(key);
    }

    /// Takes the readable prefix of `text`; false when its header is missing.
    bool parse(std::string_view text) {
        bool header = false;
        for (size_t line = 1; !text.empty(); ++line) {
            const size_t end = text.find('\n');
            try {
                if (end == std::string_view::npos) fail(ErrorKind::data, "journal.torn", "the line has no end");
                JournalEntry e = journal_entry_from_json(text.substr(0, end));
                if (!header && e.key != kHeader) fail(ErrorKind::data, "journal.header", "the file does not begin as a journal");
                if (header) keep(e.key, {std::move(e.values), std::move(e.text)});
                else machine = e.text;
                header = true;
            } catch (const Error& e) {
                words.push_back(cat("the journal is read up to line ", line, " only: ", e.message));
                break;
            }
            size += static_cast<long long>(end) + 1;
            text.remove_prefix(end + 1);
        }
        return header;
    }

    /// Keeps a copy of an unfinished run's notes; the file itself stays, because it is what is locked.
    void put_aside() {
        words.clear();
        if (notes.empty() || notes.contains(kEnd)) return;
        const std::string kept = kept_name(path);
        write_file_atomic(kept, map_file(path).text().substr(0, static_cast<size_t>(size)));
        words.push_back(cat("the journal of a run that did not finish is kept as ", kept, "; --resume would have gone on with it, and does where that file stands in its place again"));
    }

    void append(const JournalEntry& e) {
        if (fd < 0) return;
        const std::string line = to_json_line(e) + "\n";
        const ssize_t wrote = ::write(fd, line.data(), line.size());
        if (wrote == static_cast<ssize_t>(line.size())) {
            size += wrote;
            return;
        }
        const int error = wrote < 0 ? errno : ENOSPC;
        if (::ftruncate(fd, size) != 0) { /* the torn line is cut when the file is read */
        }
        fail(ErrorKind::io, "file.write", cat("cannot append: ", std::strerror(error)), "Free some space and resume; what was measured is kept.", path);
    }
};

Journal::Journal() : s_(std::make_unique<State>()) {}
Journal::~Journal() = default;
Journal::Journal(Journal&&) noexcept = default;
Journal& Journal::operator=(Journal&&) noexcept = default;

Journal Journal::open(const std::string& path, const std::string& machine, bool anew) {
    Journal j;
    State& s = *j.s_;
    s.path = path;
    s.fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (s.fd < 0) fail(ErrorKind::io, "file.write", cat("cannot open for writing: ", std::strerror(errno)), {}, path);
    if (::flock(s.fd, LOCK_EX | LOCK_NB) != 0)
        fail(ErrorKind::io, "journal.busy", "another process writes this journal", "Wait for it, or choose another folder.", path);
    bool readable = s.parse(map_file(path).text());
    if (anew) {
        s.put_aside();
        readable = false;
    } else if (readable && s.machine != machine) {
        s.words.push_back(cat("the journal holds times of another machine (", s.machine, "); it is begun anew"));
        readable = false;
    }
    if (!readable) {
        s.notes.clear();
        s.order.clear();
        s.size = 0;
    }
    if (::ftruncate(s.fd, s.size) != 0) fail(ErrorKind::io, "file.write", cat("cannot cut the unreadable end: ", std::strerror(errno)), {}, path);
    s.machine = machine;
    if (!readable) s.append({kHeader, {}, machine});
    return j;
}

Journal Journal::read(const std::string& path) {
    Journal j;
    j.s_->path = path;
    j.s_->parse(map_file(path).text());
    return j;
}

Journal::Noted Journal::recall(const std::string& key, const std::function<Noted()>& make) {
    State& s = *s_;
    {
        const std::lock_guard guard(s.lock);
        if (const auto it = s.notes.find(key); it != s.notes.end()) {
            ++s.recalled;
            return it->second;
        }
    }
    Noted made = make();
    const std::lock_guard guard(s.lock);
    if (const auto it = s.notes.find(key); it != s.notes.end()) return it->second;  // another thread was first
    s.append({key, made.values, made.text});
    ++s.recorded;
    s.keep(key, made);
    return made;
}

double Journal::number(const std::string& key, const std::function<double()>& make) {
    const Noted n = recall(key, [&] { return Noted{{make()}, {}}; });
    if (n.values.size() != 1) fail(ErrorKind::data, "journal.value", cat("expected one number for '", key, "', got ", static_cast<unsigned long>(n.values.size())), "Remove the journal and measure again.", s_->path);
    return n.values[0];
}

void Journal::finish() {
    number(kEnd, [] { return 1.0; });
}

std::vector<double> Journal::numbers(const std::string& key, const std::function<std::vector<double>()>& make) {
    return recall(key, [&] { return Noted{make(), {}}; }).values;
}

const Journal::Noted* Journal::find(const std::string& key) const {
    const std::lock_guard guard(s_->lock);
    const auto it = s_->notes.find(key);
    return it == s_->notes.end() ? nullptr : &it->second;
}

std::vector<JournalEntry> Journal::entries() const {
    const std::lock_guard guard(s_->lock);
    std::vector<JournalEntry> all;
    for (const std::string& key : s_->order) {
        const Noted& n = s_->notes.at(key);
        all.push_back({key, n.values, n.text});
    }
    return all;
}

std::string Journal::machine() const { return s_->machine; }
std::vector<std::string> Journal::words() const { return s_->words; }
size_t Journal::recalled() const { return s_->recalled; }
size_t Journal::recorded() const { return s_->recorded; }

std::string machine_key() {
    const CacheSizes c = cache_sizes();
    return cat(cpu_model(), " ", isa_name(usable_isa()), " l1d ", c.l1d, " l2 ", c.l2, " l3 ", c.l3, " cores ", std::thread::hardware_concurrency());
}

}  // namespace hone::record
