// SPDX-License-Identifier: Apache-2.0
// Errors. A user's mistake is an `Error` with an id, what happened, where, and what to do next; it is thrown with
// `fail(...)` and turned into a message and an exit code at one boundary (cli). A bug of ours is HONE_CHECK.
//
//   if (n > limit) fail(ErrorKind::model, "model.too_many_nodes", cat("got ", n, " nodes, at most ", limit));
#pragma once
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

/// The kind decides the exit code (product.md, "Exit codes").
enum class ErrorKind { goal = 1, usage = 2, model = 3, unsupported = 4, data = 5, io = 6, budget = 7, internal = 70 };

struct Error : std::exception {
    ErrorKind kind;
    std::string id;       ///< stable, dotted: "model.truncated"
    std::string message;  ///< what happened; expected and got
    std::string hint;     ///< what to do next; may be empty
    std::string where;    ///< file, node, offset; may be empty
    Error(ErrorKind k, std::string i, std::string m, std::string h, std::string w);
    const char* what() const noexcept override { return text_.c_str(); }
    int exit_code() const { return static_cast<int>(kind); }

  private:
    std::string text_;
};

[[noreturn]] void fail(ErrorKind kind, std::string id, std::string message, std::string hint = {},
                       std::string where = {});
[[noreturn]] void check_failed(const char* condition, const char* file, int line, const std::string& what);

/// A piece of text for `cat`.
struct Piece {
    Piece(std::string_view s) : text(s) {}
    Piece(const std::string& s) : text(s) {}
    Piece(const char* s) : text(s) {}
    Piece(char c) : text(1, c) {}
    Piece(int v);
    Piece(unsigned v);
    Piece(long v);
    Piece(unsigned long v);
    Piece(long long v);
    Piece(unsigned long long v);
    Piece(double v);
    Piece(bool v) : text(v ? "true" : "false") {}
    std::string text;
};
std::string cat_pieces(std::initializer_list<Piece> pieces);
/// Concatenates strings and numbers.
template <class... T>
std::string cat(const T&... parts) {
    return cat_pieces({Piece(parts)...});
}
std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// The nearest of `candidates` to `got` by edit distance, at most `limit`; for "did you mean".
std::vector<std::string> nearest(std::string_view got, const std::vector<std::string>& candidates, int limit = 3);

}  // namespace hone

/// Our own invariants; stays on in release; exit code 70.
#define HONE_CHECK(condition, ...)                                                                        \
    do {                                                                                                  \
        if (!(condition)) [[unlikely]]                                                                    \
            ::hone::check_failed(#condition, __FILE__, __LINE__, ::hone::cat("" __VA_OPT__(, ) __VA_ARGS__)); \
    } while (false)
