// SPDX-License-Identifier: Apache-2.0
// Text as a network sees it: a line is cut into words or characters, numbered by a vocabulary that the training part
// alone made, and brought to one length. `open_data` makes the encoder, datasets apply it, and the model file carries it
// as a string map, so that `run` encodes as training did.
//
//   Vocabulary v = build_vocabulary(training_texts, TextUnit::word, {});
//   TextEncoder e{TextUnit::word, 32, std::move(v)};
//   std::vector<int64_t> ids(32);
//   e.encode(tokens_of("A fine day.", e.unit), ids.data());      // a, fine, day, ., then padding
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hone {

enum class TextUnit { word, character };
const char* to_text(TextUnit unit);  ///< "word", "char"
/// "word", "char" or "character". Throws usage "usage.text".
TextUnit parse_text_unit(const std::string& name);

using Tokens = std::vector<std::string>;
/// Words: runs of letters, digits, '_' and all that is not ASCII, with apostrophes inside them; ASCII letters become small;
/// every other visible character is a word of its own. Characters: the code points of UTF-8 as they are.
Tokens tokens_of(std::string_view text, TextUnit unit);

/// Tokens and their numbers: 0 is padding, 1 a token that is not there, the others follow by falling frequency.
class Vocabulary {
  public:
    static constexpr int64_t kPadding = 0, kUnknown = 1, kFirst = 2;
    /// Distinct, in the order of their numbers from kFirst on.
    explicit Vocabulary(std::vector<std::string> tokens = {});
    int64_t size() const { return kFirst + static_cast<int64_t>(tokens_.size()); }
    int64_t id(const std::string& token) const;
    const std::string& token(int64_t id) const { return tokens_[static_cast<size_t>(id - kFirst)]; }  ///< id >= kFirst
    const std::vector<std::string>& tokens() const { return tokens_; }

  private:
    std::vector<std::string> tokens_;
    std::unordered_map<std::string, int64_t> ids_;
};

struct VocabularyOptions {
    int64_t max_size = 20000;  ///< padding and unknown counted; the most frequent tokens stay
    int64_t min_count = 1;     ///< rarer tokens are unknown
};
/// Equally frequent tokens are ordered by their bytes.
Vocabulary build_vocabulary(const std::vector<std::string_view>& texts, TextUnit unit, const VocabularyOptions& o);

struct TextEncoder {
    TextUnit unit = TextUnit::word;
    int64_t length = 0;  ///< ids of a sample
    Vocabulary vocabulary;
    /// `length` ids: the first tokens, then padding.
    void encode(const Tokens& tokens, int64_t* out) const;
};
/// Flat strings with "schema": "1"; exact round trip.
std::map<std::string, std::string> to_map(const TextEncoder& e);
/// Throws model "text.map".
TextEncoder text_encoder_from_map(const std::map<std::string, std::string>& map);

/// What a user gives; what is open comes from the model's encoder or the defaults.
struct TextOptions {
    std::optional<TextUnit> unit;              ///< word
    std::optional<int64_t> length;             ///< the longest text of the training part, at most 256
    std::optional<int64_t> max_size, min_count;  ///< as VocabularyOptions
    /// The model's own: its unit, length and vocabulary are kept.
    std::shared_ptr<const TextEncoder> stored;
};
/// From the training part's texts. Throws usage "usage.text".
TextEncoder make_text_encoder(const std::vector<std::string_view>& training, const TextOptions& o);

}  // namespace hone
