// SPDX-License-Identifier: Apache-2.0
#include "onnx/sniff.h"

#include <cctype>

#include "base/error.h"

namespace hone {
namespace {

struct Magic {
    size_t at;
    std::string_view bytes;
    const char* what;
};
using namespace std::string_view_literals;
constexpr Magic kMagics[] = {
    {0, "\x80\x02"sv, "a pickle (a PyTorch or scikit-learn file)"},
    {0, "\x80\x03"sv, "a pickle (a PyTorch or scikit-learn file)"},
    {0, "\x80\x04"sv, "a pickle (a PyTorch or scikit-learn file)"},
    {0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file (a Keras model)"},
    {4, "TFL3"sv, "a TensorFlow Lite model"},
    {4, "ORTM"sv, "an ORT-format model of ONNX Runtime"},
    {0, "GGUF"sv, "a GGUF model"},
    {0, "\x1f\x8b"sv, "a gzip archive"},
    {0, "\xfd" "7zXZ"sv, "an xz archive"},
    {0, "\x28\xb5\x2f\xfd"sv, "a Zstandard archive"},
    {0, "\x93NUMPY"sv, "a NumPy array"},
    {0, "version https://git-lfs"sv, "a Git LFS pointer; the model itself was not downloaded"},
    {0, "7767517"sv, "an ncnn parameter file"},
    {0, "\x7f" "ELF"sv, "a program"},
    {0, "\x89PNG"sv, "a PNG image"},
    {0, "\xff\xd8\xff"sv, "a JPEG image"},
    {0, "%PDF"sv, "a PDF document"},
    {257, "ustar"sv, "a tar archive"},
};

bool starts_with_word(std::string_view s, std::string_view word) {
    if (s.size() < word.size()) return false;
    for (size_t i = 0; i < word.size(); ++i)
        if (std::tolower(static_cast<unsigned char>(s[i])) != word[i]) return false;
    return true;
}

std::string text_format(std::string_view bytes) {
    const size_t start = bytes.find_first_not_of(" \t\r\n\xef\xbb\xbf");
    const std::string_view s = start == std::string_view::npos ? std::string_view() : bytes.substr(start);
    if (s.empty()) return "white space";
    if (starts_with_word(s, "<!doctype html") || starts_with_word(s, "<html")) return "an HTML page, perhaps of a failed download";
    if (starts_with_word(s, "<?xml") || starts_with_word(s, "<net")) return "an XML file (OpenVINO keeps its models so)";
    if (s[0] == '{') return "a JSON file";
    if (starts_with_word(s, "ir_version:")) return "a model in protobuf's text form";
    const std::string_view head = bytes.substr(0, 64);
    size_t printable = 0;
    for (char c : head) printable += (c >= 32 && c < 127) || c == '\n' || c == '\t';
    return head.size() >= 16 && printable == head.size() ? "a text file" : "";
}

}  // namespace

std::string other_format(std::string_view bytes) {
    if (bytes.empty()) return "empty";
    if (bytes.starts_with("PK\x03\x04")) {
        const bool torch = bytes.substr(0, 4096).find("data.pkl") != std::string_view::npos ||
                           bytes.substr(0, 4096).find("/version") != std::string_view::npos;
        return torch ? "a PyTorch checkpoint" : "a zip archive";
    }
    for (const Magic& m : kMagics)
        if (bytes.size() >= m.at + m.bytes.size() && bytes.substr(m.at, m.bytes.size()) == m.bytes) return m.what;
    if (bytes.size() > 16 && bytes[8] == '{' && bytes[6] == 0 && bytes[7] == 0) return "a safetensors file";
    return text_format(bytes);
}

void refuse_other_formats(std::string_view bytes, const std::string& where) {
    const std::string what = other_format(bytes);
    if (what.empty()) return;
    if (what == "empty") fail(ErrorKind::model, "model.not_onnx", "the file is empty", "Was it downloaded whole?", where);
    fail(ErrorKind::model, "model.not_onnx", cat("the file is not an ONNX model; it looks like ", what),
         what.find("PyTorch") != std::string::npos ? "Export it with torch.onnx.export first." : "Give an .onnx file.", where);
}

}  // namespace hone
