// SPDX-License-Identifier: Apache-2.0
// The kinds of augmentation that edit the tokens of a text: functions of the list. Of each, values[0] is a share.
//
//   swap_kind(tokens, std::vector<double>{0.1, 1}, rng, encoder);
#pragma once
#include <span>
#include <string_view>

#include "base/rng.h"
#include "data/text.h"

namespace hone::augment {

/// Words of the vocabulary at random places: as many as the share of the tokens, at least one.
void insert_kind(Tokens& tokens, std::span<const double> values, Rng& rng, const TextEncoder& encoder);
/// Each token with the probability `share`; where none would stay, a random one does.
void delete_kind(Tokens& tokens, std::span<const double> values, Rng& rng, const TextEncoder& encoder);
/// Two random places change their tokens, as often as the share of the tokens, at least once.
void swap_kind(Tokens& tokens, std::span<const double> values, Rng& rng, const TextEncoder& encoder);
/// Each token with the probability `share` by a word of the vocabulary.
void replace_kind(Tokens& tokens, std::span<const double> values, Rng& rng, const TextEncoder& encoder);
/// Each stop word goes with the probability `share`; a text of nothing else stays.
void stop_words_kind(Tokens& tokens, std::span<const double> values, Rng& rng, const TextEncoder& encoder);

std::span<const std::string_view> stop_words();  ///< sorted, in small letters

}  // namespace hone::augment
