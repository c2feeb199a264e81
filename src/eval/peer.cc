// SPDX-License-Identifier: Apache-2.0
#include "eval/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/process.h"
#include "base/timing.h"

extern char** environ;

namespace hone::eval {

extern const char* const peer_script;  // src/eval/peer.py, in a file that CMake makes

namespace {
bool runs(const std::string& python) { return access(python.c_str(), X_OK) == 0; }

/// HONE_PEERS (an environment's folder or a Python), else `.venv/peers` in `root`; without a root in the working folder or
/// beside a folder of this program, and at last the system's own Python.
std::string python_of(const std::string& root) {
    const char* e = std::getenv("HONE_PEERS");
    if (e && *e) return is_directory(e) ? std::string(e) + "/bin/python" : e;
    const std::string in_root = "/.venv/peers/bin/python";
    if (!root.empty()) return root + in_root;
    if (runs("." + in_root)) return "." + in_root;
    for (std::string folder = parent_directory(this_program()); folder.size() > 1; folder = parent_directory(folder))
        if (runs(folder + in_root)) return folder + in_root;
    return "/usr/bin/python3";
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    size_t begin = 0;
    for (size_t end; (end = text.find(separator, begin)) != std::string::npos; begin = end + 1)
        parts.push_back(text.substr(begin, end - begin));
    parts.push_back(text.substr(begin));
    return parts;
}

DType type_of(const std::string& name) {
    for (int i = 1; i <= static_cast<int>(DType::bf16); ++i)
        if (dtype_name(static_cast<DType>(i)) == name) return static_cast<DType>(i);
    return DType::undefined;
}
Dims dims_of_text(const std::string& text) {
    Dims dims;
    if (text.empty()) return dims;
    for (const std::string& d : split(text, ' ')) dims.push_back(std::strtoll(d.c_str(), nullptr, 10));
    return dims;
}
std::string text_of_dims(const Dims& dims) {
    std::vector<std::string> parts;
    for (const int64_t d : dims) parts.push_back(std::to_string(d));
    return join(parts, " ");
}

/// A folder for what passes between the two processes; removed at the end.
class Exchange {
  public:
    Exchange() {
        const char* base = std::getenv("TMPDIR");
        path_ = cat(base && *base ? base : "/tmp", "/hone-peer-XXXXXX");
        if (!mkdtemp(path_.data())) fail(ErrorKind::io, "file.mkdir", "no temporary folder for the peer", {}, path_);
    }
    ~Exchange() {
        for (const char* name : {"in", "out", "log"}) unlink(file(name).c_str());
        rmdir(path_.c_str());
    }
    Exchange(const Exchange&) = delete;
    std::string file(const char* name) const { return path_ + "/" + name; }
    std::string write(const Tensor& t) const {
        const std::string path = file("in");
        FILE* f = std::fopen(path.c_str(), "wb");
        const bool written = f && std::fwrite(t.raw(), 1, t.bytes(), f) == t.bytes();
        if ((f && std::fclose(f) != 0) || !written)
            fail(ErrorKind::io, "file.write", "the peer's input could not be written", {}, path);
        return path;
    }

  private:
    std::string path_;
};
}  // namespace

struct Peer::State {
    PeerOptions options;
    Exchange exchange;
    pid_t pid = -1;
    int channel = -1;
    std::string received, version;
    std::vector<Input> inputs;
    double load_ms = 0;

    explicit State(PeerOptions o) : options(std::move(o)) {
        start();
        const std::vector<std::string> ready = answer();
        expect(ready.size() == 5);
        version = ready[2];
        load_ms = std::strtod(ready[4].c_str(), nullptr);
        const int count = std::atoi(ready[3].c_str());
        for (int i = 0; i < count; ++i) {
            const std::vector<std::string> f = split(line(), '\t');
            expect(f.size() == 3);
            inputs.push_back({f[0], type_of(f[1]), dims_of_text(f[2])});
        }
    }
    ~State() {
        if (channel >= 0) {
            (void)!::send(channel, "quit\n", 5, MSG_NOSIGNAL);
            close(channel);
        }
        reap();
    }

    void start() {
        const std::string python = python_of(options.root);
        if (!runs(python)) absent(python);
        std::vector<std::string> words = {python,        "-c",        peer_script,
                                          options.engine, options.model, "--threads",
                                          std::to_string(options.threads), "--precision", options.precision};
        if (options.spin) words.push_back("--spin");
        std::vector<char*> argv;
        for (std::string& w : words) argv.push_back(w.data());
        argv.push_back(nullptr);
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            fail(ErrorKind::io, "peer.died", cat("no channel to the peer: ", std::strerror(errno)));
        channel = ends[0];
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
        posix_spawn_file_actions_addopen(&actions, 2, exchange.file("log").c_str(), O_WRONLY | O_CREAT, 0600);
        const int failed = posix_spawn(&pid, python.c_str(), &actions, nullptr, argv.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        if (failed) {
            pid = -1;
            died(std::strerror(failed));
        }
    }
    /// Waits a little for the process, then kills it.
    void reap() {
        if (pid < 0) return;
        for (int i = 0; i < 100; ++i) {
            if (waitpid(pid, nullptr, WNOHANG) != 0) {
                pid = -1;
                return;
            }
            usleep(10000);
        }
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        pid = -1;
    }
    [[noreturn]] void died(const std::string& how) {
        std::string log;
        try {
            log = read_file(exchange.file("log"));
        } catch (const Error&) {
        }
        while (!log.empty() && log.back() == '\n') log.pop_back();
        const size_t last = log.rfind('\n');
        fail(ErrorKind::io, "peer.died", cat(options.engine, " ", how, log.empty() ? "" : ": ", log.substr(last + 1)),
             "Check its environment with: scripts/peers", options.model);
    }
    void expect(bool condition) {
        if (!condition) died("answered something else");
    }
    void send(const std::string& command) {
        const std::string text = command + "\n";
        for (size_t sent = 0; sent < text.size();) {
            const ssize_t n = ::send(channel, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) died("went away");
            sent += static_cast<size_t>(n);
        }
    }
    std::string line() {
        const double deadline = now_seconds() + options.timeout_seconds;
        for (size_t end; (end = received.find('\n')) == std::string::npos;) {
            pollfd p{channel, POLLIN, 0};
            const double left = deadline - now_seconds();
            if (left <= 0) died(cat("did not answer within ", human_seconds(options.timeout_seconds)));
            const int ready = poll(&p, 1, static_cast<int>(left * 1000) + 1);
            if (ready < 0 && errno == EINTR) continue;
            if (ready <= 0) continue;
            char buffer[65536];
            const ssize_t n = recv(channel, buffer, sizeof buffer, 0);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) died("went away");
            received.append(buffer, static_cast<size_t>(n));
            expect(received.size() < limits().memory_bytes);
        }
        const size_t end = received.find('\n');
        const std::string text = received.substr(0, end);
        received.erase(0, end + 1);
        return text;
    }
    [[noreturn]] void absent(const std::string& python) const {
        fail(ErrorKind::io, "peer.absent", cat("the Python environment of ", options.engine, " is absent"),
             cat("In hone's source: scripts/peers. Elsewhere: set HONE_PEERS to the folder of an environment that has ", options.engine, " and numpy."), python);
    }
    /// The fields of an `ok` line.
    std::vector<std::string> answer() {
        const std::vector<std::string> fields = split(line(), '\t');
        if (fields[0] == "error" && fields.size() > 1 && fields[1].starts_with("ModuleNotFoundError")) absent(python_of(options.root));
        if (fields[0] == "error")
            fail(ErrorKind::unsupported, "peer.refused", cat(options.engine, ": ", fields.size() > 1 ? fields[1] : ""),
                 {}, options.model);
        expect(fields[0] == "ok");
        return fields;
    }
    Tensor next_tensor(const std::string& bytes, size_t& at, const std::string& type, const std::string& dims) {
        const DType t = type_of(type);
        expect(t != DType::undefined);
        Tensor tensor = Tensor::zeros(t, dims_of_text(dims));
        expect(at + tensor.bytes() <= bytes.size());
        std::memcpy(tensor.raw_mut(), bytes.data() + at, tensor.bytes());
        at += tensor.bytes();
        return tensor;
    }
};

Peer::Peer(PeerOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Peer::~Peer() = default;
const std::string& Peer::version() const { return state_->version; }
const std::vector<Peer::Input>& Peer::inputs() const { return state_->inputs; }
double Peer::load_ms() const { return state_->load_ms; }
bool Peer::present(const std::string& root) { return runs(python_of(root)); }

void Peer::set_input(const std::string& name, const Tensor& value) {
    const std::string path = state_->exchange.write(value);
    state_->send(cat("input\t", name, "\t", dtype_name(value.dtype()), "\t", text_of_dims(value.dims()), "\t", path));
    state_->answer();
}

std::vector<double> Peer::run(int n) {
    state_->send(cat("run\t", n));
    const std::vector<std::string> fields = state_->answer();
    state_->expect(fields.size() == 2);
    std::vector<double> ms;
    for (const std::string& t : split(fields[1], ' ')) ms.push_back(std::strtod(t.c_str(), nullptr));
    state_->expect(static_cast<int>(ms.size()) == n);
    return ms;
}

double Peer::load_again() {
    state_->send("load");
    const std::vector<std::string> fields = state_->answer();
    state_->expect(fields.size() == 2);
    return std::strtod(fields[1].c_str(), nullptr);
}

Peer::Memory Peer::memory() {
    state_->send("memory");
    const std::vector<std::string> fields = state_->answer();
    state_->expect(fields.size() == 3);
    return {std::strtoll(fields[1].c_str(), nullptr, 10), std::strtoll(fields[2].c_str(), nullptr, 10)};
}

std::vector<Tensor> Peer::outputs() {
    const std::string path = state_->exchange.file("out");
    state_->send("output\t" + path);
    const std::vector<std::string> fields = state_->answer();
    state_->expect(fields.size() == 2);
    std::vector<std::vector<std::string>> lines;
    for (int i = 0; i < std::atoi(fields[1].c_str()); ++i) lines.push_back(split(state_->line(), '\t'));
    const std::string bytes = read_file(path);
    std::vector<Tensor> tensors;
    size_t at = 0;
    for (const std::vector<std::string>& l : lines) {
        state_->expect(l.size() == 3);
        tensors.push_back(state_->next_tensor(bytes, at, l[1], l[2]));
    }
    return tensors;
}

Tensor Peer::evaluate(const std::string& input, const Tensor& samples, int batch) {
    const std::string in = state_->exchange.write(samples), out = state_->exchange.file("out");
    state_->send(cat("eval\t", input, "\t", dtype_name(samples.dtype()), "\t", text_of_dims(samples.dims()), "\t",
                     batch, "\t", in, "\t", out));
    const std::vector<std::string> fields = state_->answer();
    state_->expect(fields.size() == 3);
    size_t at = 0;
    return state_->next_tensor(read_file(out), at, fields[1], fields[2]);
}

}  // namespace hone::eval
