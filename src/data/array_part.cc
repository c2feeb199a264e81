// SPDX-License-Identifier: Apache-2.0
#include "data/array_part.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "data/array_images.h"

namespace hone {

namespace {
constexpr int64_t kMostClasses = 65536;

class Answers {
  public:
    Answers(RawPart& part, const NamedArray& answers, const std::string& family, int64_t samples)
        : part_(part), y_(answers.values), where_(answers.where), target_(answers.target), family_(family), samples_(samples) {}
    void read() {
        const Dims& d = y_.dims();
        if (d.empty() || d.size() > 2 || (d.size() == 2 && d[1] > 1 && y_.dtype() == DType::string))
            bad("label", cat("labels of shape ", to_text(d), "; expected one a sample, or one row a sample"));
        if (d[0] != samples_)
            bad("count", cat(d[0], " labels for ", samples_, " samples"), cat("The samples are in ", part_.where, "."));
        width_ = d.size() == 2 ? d[1] : 1;
        if (y_.dtype() == DType::string) return texts();
        if (is_float(y_.dtype())) check_finite();
        if (target_) {
            if (whole()) part_.notes.push_back(cat(where_, ": whole numbers, taken as targets of a regression; call the array y where they are classes"));
            set_targets(part_, y_.cast(DType::f32).reshaped({samples_, width_}));
        } else if (width_ > 1) {
            if (!one_hot()) targets();
        } else if (is_float(y_.dtype()) && !whole()) {
            targets();
        } else {
            numbers();
        }
    }

  private:
    [[noreturn]] void bad(const char* id, const std::string& what, const std::string& hint = {}) const {
        fail(ErrorKind::data, cat("data.", family_, ".", id), what, hint, where_);
    }
    void texts() {
        std::vector<std::string> labels;
        for (int64_t i = 0; i < samples_; ++i) {
            labels.push_back(y_.str(i));
            if (labels.back().empty()) bad("label", cat("the label of item ", i, " is empty"));
        }
        set_labels(part_, labels);
    }
    void check_finite() const {
        for (int64_t i = 0; i < y_.count(); ++i)
            if (!std::isfinite(y_.at(i))) bad("label", cat("the label of item ", i / width_, " is ", y_.at(i)));
    }
    bool whole() const {
        for (int64_t i = 0; i < y_.count(); ++i)
            if (y_.at(i) != std::floor(y_.at(i))) return false;
        return true;
    }
    /// Bare numbers are the classes 0..most, so that parts that lack one agree; -1 beside 1 are these two.
    void numbers() {
        bool minus = false, plus = false, others = false;
        for (int64_t i = 0; i < samples_; ++i) {
            const double v = y_.at(i);
            (v == -1 ? minus : v == 1 ? plus : others) = true;
        }
        const bool signs = minus && plus && !others;
        int most = 0;
        for (int64_t i = 0; i < samples_; ++i) {
            const double v = y_.at(i);
            if (!signs && !(v >= 0 && v < kMostClasses))
                bad("label", cat("label ", v, " of item ", i, " is out of range 0..", kMostClasses - 1),
                    family_ == "npy" ? "Call the array `target` where a number is to be predicted." : "");
            part_.labels.push_back(signs ? v > 0 : static_cast<int>(v));
            most = std::max(most, part_.labels.back());
        }
        part_.numbered = !signs;
        if (signs) part_.names = {"-1", "1"};
        for (int c = 0; c <= most && !signs; ++c) part_.names.push_back(cat(c));
    }
    /// Rows of zeros with one 1.
    bool one_hot() {
        std::vector<int> labels;
        for (int64_t i = 0; i < samples_; ++i) {
            int at = -1;
            for (int64_t k = 0; k < width_; ++k) {
                const double v = y_.at(i * width_ + k);
                if (v != 0 && (v != 1 || at >= 0)) return false;
                if (v == 1) at = static_cast<int>(k);
            }
            if (at < 0) return false;
            labels.push_back(at);
        }
        if (width_ > kMostClasses) bad("label", cat(width_, " classes; at most ", kMostClasses));
        part_.labels = std::move(labels);
        for (int64_t v = 0; v < width_; ++v) part_.names.push_back(cat(v));
        part_.numbered = true;
        return true;
    }
    void targets() {
        if (!is_float(y_.dtype()))
            bad("label", cat("labels of shape ", to_text(y_.dims()), " that are no one-hot rows"),
                "One class number a sample, one-hot rows, or floating-point targets of a regression.");
        set_targets(part_, y_.cast(DType::f32).reshaped({samples_, width_}));
    }

    RawPart& part_;
    const Tensor& y_;
    const std::string& where_;
    const bool target_;
    const std::string& family_;
    int64_t samples_, width_ = 1;
};

void check_rows(const Tensor& rows, const std::string& where, const std::string& family) {
    if (!is_float(rows.dtype())) return;
    for (int64_t i = 0; i < rows.count(); ++i)
        if (!std::isfinite(rows.at(i)))
            fail(ErrorKind::data, cat("data.", family, ".number"),
                 cat("item ", i / (rows.count() / rows.dim(0)), " holds ", rows.at(i), "; expected finite numbers"),
                 "Fill in missing values first.", where);
}
}  // namespace

RawPart part_of_arrays(NamedArray samples, const NamedArray& answers, const std::string& family) {
    RawPart part;
    part.where = samples.where;
    const Dims dims = samples.values.dims();
    if (dims.size() < 2 || samples.values.dtype() == DType::string)
        fail(ErrorKind::data, cat("data.", family, ".size"),
             cat("samples of shape ", to_text(dims), samples.values.dtype() == DType::string ? " of texts" : "",
                 "; expected numbers of at least 2 axes"),
             {}, part.where);
    Answers(part, answers, family, dims[0]).read();
    if (samples.values.dtype() == DType::u8 && (dims.size() == 3 || dims.size() == 4)) {
        part.images = array_images(std::move(samples.values), part.where, family);
        return part;
    }
    check_rows(samples.values, part.where, family);
    part.kind = DataKind::table;
    part.rows = samples.values.cast(DType::f32);
    return part;
}

}  // namespace hone
