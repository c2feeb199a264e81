// SPDX-License-Identifier: Apache-2.0
// The lines of a text file that a person wrote: UTF-8, with or without a byte order mark, ended by LF or CR LF. Readers of
// labelled texts and of lists of names go through it.
//
//   TextLines lines(text, "names.txt");
//   for (std::string_view line; lines.next(line);) ...      // empty ones too
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hone {

class TextLines {
  public:
    /// Both must outlive it.
    TextLines(std::string_view text, const std::string& where);
    /// False at the end. Throws data "data.text.utf8", which names the line.
    bool next(std::string_view& line);
    std::string place() const;  ///< "names.txt, line 3", of the line that `next` gave

  private:
    std::string_view rest_;
    const std::string& where_;
    size_t number_ = 0;
};

/// Of a file. Throws io "file.absent", "file.unreadable", and as above.
std::vector<std::string> read_lines(const std::string& path);

}  // namespace hone
