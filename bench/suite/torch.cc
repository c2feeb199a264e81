// SPDX-License-Identifier: Apache-2.0
#include "suite/torch.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>

#include "base/error.h"
#include "base/file.h"

extern char** environ;

namespace hone::suite {

namespace {
constexpr const char* python = "/usr/bin/python3";  // Debian's, which has Debian's torch
}

Torch::Torch(const Options& o) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) fail(ErrorKind::io, "process.start", "no pipe");
    std::vector<std::string> words{python, o.script, o.folder, std::to_string(o.threads), std::to_string(o.batch)};
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    const int failed = posix_spawn(&pid_, python, &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    to_ = fdopen(in[1], "w");
    from_ = fdopen(out[0], "r");
    if (failed) pid_ = -1;
    std::signal(SIGPIPE, SIG_IGN);
    const std::string ready = failed ? "" : line();
    if (!ready.starts_with("torch ")) fail(ErrorKind::io, "peer.absent", cat("no torch: ", ready), "Install Debian's python3-torch.");
    version_ = ready.substr(6);
}

Torch::~Torch() {
    if (to_) std::fclose(to_);
    if (from_) std::fclose(from_);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);  // ends with its input
}

std::string Torch::line() {
    std::string text;
    for (int c; (c = std::fgetc(from_)) != EOF;) {
        if (c == '\n') return text;
        text += static_cast<char>(c);
    }
    return text;
}

std::string Torch::ask(const std::string& command) {
    std::fprintf(to_, "%s\n", command.c_str());
    std::fflush(to_);
    const std::string answer = line();
    if (!answer.starts_with("ok ")) fail(ErrorKind::io, "peer.died", cat("torch: ", answer.empty() ? "went away" : answer));
    return answer.substr(3);
}

TrainedSteps Torch::run(const std::string& network, const std::string& variant, int steps) {
    std::istringstream numbers(ask(cat("run ", network, " ", variant, " ", steps)));
    TrainedSteps t;
    for (double ms, loss; numbers >> ms >> loss;) t.ms.push_back(ms), t.losses.push_back(loss);
    HONE_CHECK(t.ms.size() == static_cast<size_t>(steps));
    return t;
}

record::SuiteMemory Torch::memory() {
    std::istringstream numbers(ask("memory"));
    record::SuiteMemory m;
    numbers >> m.start_bytes >> m.peak_bytes;
    return m;
}

std::pair<double, double> Torch::epochs(const std::string& network, const std::string& variant, const std::string& folder, int epochs, int64_t images) {
    std::istringstream numbers(ask(cat("epochs ", network, " ", variant, " ", folder, " ", epochs, " ", images)));
    std::pair<double, double> r;
    numbers >> r.first >> r.second;
    return r;
}

}  // namespace hone::suite
