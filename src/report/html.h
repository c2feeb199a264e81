// SPDX-License-Identifier: Apache-2.0
// Writes HTML that is always balanced and escaped: a tag closes when its object goes. Called by the pages of this
// folder.
//
//   auto section = html.open("section", {{"class", "card"}});
//   html.element("h2", run.reason);
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::report {

using Attributes = std::vector<std::pair<std::string_view, std::string>>;

/// Safe as text and in a quoted attribute; control, bidi-override and broken characters become U+FFFD.
std::string escaped(std::string_view text);

class Html {
  public:
    class Tag {
      public:
        Tag(Html& html, std::string_view name) : html_(html), name_(name) {}
        ~Tag();
        Tag(const Tag&) = delete;

      private:
        Html& html_;
        std::string_view name_;
    };

    /// `name` must outlive the tag (a literal).
    [[nodiscard]] Tag open(std::string_view name, const Attributes& attributes = {});
    void element(std::string_view name, std::string_view text, const Attributes& attributes = {});
    /// An element of SVG without content.
    void shape(std::string_view name, const Attributes& attributes);
    void text(std::string_view text) { out_ += escaped(text); }
    /// A path or dotted name, with places to break the line before each '/', '.', '_' and ':'.
    void name(std::string_view text);
    /// A literal of ours.
    void raw(std::string_view markup) { out_ += markup; }
    const std::string& str() const { return out_; }

  private:
    void begin(std::string_view name, const Attributes& attributes);
    std::string out_;
};

}  // namespace hone::report
