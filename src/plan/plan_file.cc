// SPDX-License-Identifier: Apache-2.0
#include "plan/plan_file.h"

#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/file.h"
#include "base/limits.h"
#include "kernel/onednn/onednn.h"
#include "plan/image.h"
#include "plan/lower.h"
#include "record/fast_hash.h"
#include "record/journal.h"

namespace hone {

namespace {

constexpr char kMagic[8] = {'h', 'o', 'n', 'e', 'p', 'l', 'a', 'n'};
constexpr uint64_t kVersion = 1, kPage = 4096;

struct Header {
    char magic[8];
    uint64_t version, structure_bytes, structure_hash, file_bytes, unused[3];
};
static_assert(sizeof(Header) == 64);

struct Blob {
    uint64_t offset, bytes;
};

uint64_t up_to_page(uint64_t n) { return (n + kPage - 1) / kPage * kPage; }

/// Memory of zeros that takes none: for constants of which a kernel has its own copy.
std::shared_ptr<const void> zeros_to_read(size_t bytes) {
    if (bytes > limits().memory_bytes) image::bad("its weights pass the memory limit");
    void* p = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) image::bad("its weights pass this machine's memory");
    return {p, [bytes](const void* q) { ::munmap(const_cast<void*>(q), bytes); }};
}

/// The step of each node.
std::map<NodeId, const Step*> steps_of(const Plan& p) {
    std::map<NodeId, const Step*> m;
    for (const Step& s : p.steps)
        if (s.node != kNone) m[s.node] = &s;
    return m;
}

class Writer {
  public:
    Writer(const Plan& p, const std::string& key) : plan_(p), key_(key), steps_(steps_of(p)) {}

    void write(const std::string& path) {
        find_stubs();
        image::write_graph(graph_, plan_.graph, {[this](const Tensor& t, ValueId v) { return stubs_.contains(v) ? -1 : keep(t.raw(), t.bytes()); }, {}});
        write_choices();
        image::Out structure;
        structure.text(key_);
        structure.put<uint64_t>(pieces_.size());
        for (std::string_view piece : pieces_) structure.put<uint64_t>(piece.size());
        const std::string tail = graph_.bytes() + choices_.bytes();
        std::string all = structure.bytes() + tail;
        Header h{};
        std::memcpy(h.magic, kMagic, sizeof kMagic);
        h.version = kVersion;
        h.structure_bytes = all.size();
        h.structure_hash = record::fast_hash(all);
        h.file_bytes = up_to_page(sizeof h + all.size());
        for (std::string_view piece : pieces_) h.file_bytes += up_to_page(piece.size());
        static const std::string padding(kPage, '\0');
        std::vector<std::string_view> file = {{reinterpret_cast<const char*>(&h), sizeof h}, all};
        auto pad = [&](uint64_t bytes) { file.push_back(std::string_view(padding).substr(0, up_to_page(bytes) - bytes)); };
        pad(sizeof h + all.size());
        for (std::string_view piece : pieces_) file.push_back(piece), pad(piece.size());
        write_file_atomic(path, file);
    }

  private:
    int64_t keep(const void* data, size_t bytes) {
        pieces_.emplace_back(static_cast<const char*>(data), bytes);
        return static_cast<int64_t>(pieces_.size()) - 1;
    }
    static Packed packed_of(const Step& s) { return s.kernel ? s.kernel->packed() : Packed{}; }

    /// Constants of which every use has been packed by a kernel that can take it back.
    void find_stubs() {
        const Graph& g = plan_.graph;
        for (ValueId v = 0; v < g.value_count(); ++v) {
            if (!g.value(v).is_constant() || g.value(v).users.empty() || g.is_output(v)) continue;
            bool all = true;
            for (NodeId user : g.value(v).users) {
                const Packed packed = packed_of(*steps_.at(user));
                const auto& inputs = g.node(user).inputs;
                for (size_t i = 0; i < inputs.size(); ++i) all &= inputs[i] != v || (packed.data && static_cast<int>(i) == packed.input);
            }
            if (all) stubs_.insert(v);
        }
    }

    void write_choices() {
        for (NodeId id : plan_.graph.order()) {
            const Step& s = *steps_.at(id);
            choices_.text(s.candidate);
            choices_.put<int32_t>(s.variant);
            choices_.put<int32_t>(s.threads);
            choices_.put(static_cast<uint8_t>(s.layout));
            const Packed p = packed_of(s);
            choices_.put<int64_t>(p.data ? keep(p.data, p.bytes) : -1);
            choices_.put<int32_t>(p.input);
        }
    }

    const Plan& plan_;
    const std::string& key_;
    std::map<NodeId, const Step*> steps_;
    std::set<ValueId> stubs_;
    std::vector<std::string_view> pieces_;
    image::Out graph_, choices_;
};

class Reader {
  public:
    explicit Reader(MappedFile f) : file_(std::move(f)) {}

    std::shared_ptr<const Plan> read(const std::string& key, const PlanOptions& given) {
        image::In in(structure());
        if (in.text() != key) image::bad("it belongs to another model, machine or set of options");
        read_table(in);
        Graph g = image::read_graph(in, {{}, [this](int64_t i, DType t, Dims d) { return constant(i, t, std::move(d)); }});
        std::vector<Choice> choices = read_choices(in, g);
        PlanOptions options = given;
        options.choose = [&](const Graph&, NodeId id) -> std::optional<Choice> {
            const Choice& c = choices[static_cast<size_t>(id)];
            return c.candidate.empty() ? std::nullopt : std::optional(c);
        };
        const std::shared_ptr<Plan> plan = plan_lowered(std::move(g), options);
        check_stubs(*plan, choices);
        return plan;
    }

  private:
    std::string_view structure() const {
        Header h;
        if (file_.size < sizeof h) image::bad("it is too short");
        std::memcpy(&h, file_.data, sizeof h);
        if (std::memcmp(h.magic, kMagic, sizeof kMagic) != 0) image::bad("it is no plan file");
        if (h.version != kVersion) image::bad(cat("it is of version ", h.version, "; this is ", kVersion));
        if (h.unused[0] || h.unused[1] || h.unused[2]) image::bad("it is damaged");
        if (h.file_bytes != file_.size || h.structure_bytes > file_.size - sizeof h) image::bad("it is not whole");
        const std::string_view s = file_.text().substr(sizeof h, h.structure_bytes);
        if (record::fast_hash(s) != h.structure_hash) image::bad("it is damaged");
        return s;
    }

    void read_table(image::In& in) {
        Header h;
        std::memcpy(&h, file_.data, sizeof h);
        uint64_t at = up_to_page(sizeof h + h.structure_bytes);
        for (size_t n = in.count(8); n; --n) {
            const uint64_t bytes = in.get<uint64_t>();
            if (at > file_.size || bytes > file_.size - at) image::bad("its weights pass its end");
            blobs_.push_back({at, bytes});
            at += up_to_page(bytes);
        }
    }

    const char* data(const Blob& b) const { return reinterpret_cast<const char*>(file_.data) + b.offset; }
    const Blob& blob(int64_t i) const {
        if (i < 0 || i >= static_cast<int64_t>(blobs_.size())) image::bad("it names weights that it does not have");
        return blobs_[static_cast<size_t>(i)];
    }
    Tensor constant(int64_t index, DType type, Dims dims) {
        const auto bytes = static_cast<size_t>(checked_mul(count_of(dims), static_cast<int64_t>(dtype_size(type))));
        if (index == -1) {
            const std::shared_ptr<const void> zeros = zeros_to_read(std::max<size_t>(bytes, 1));
            stubs_.insert(zeros.get());
            return Tensor::view(type, std::move(dims), zeros.get(), zeros);
        }
        const Blob& b = blob(index);
        if (b.bytes != bytes) image::bad("it holds a tensor of a wrong size");
        return Tensor::view(type, std::move(dims), data(b), file_.owner);
    }

    std::vector<Choice> read_choices(image::In& in, const Graph& g) const {
        std::vector<Choice> all;
        for (NodeId id = 0; id < g.node_count(); ++id) {
            Choice c;
            c.candidate = in.text();
            c.variant = in.in_range<int32_t>(0, 1000);
            c.threads = in.in_range<int32_t>(0, 1 << 16);
            c.layout = static_cast<Layout>(in.in_range<uint8_t>(0, static_cast<uint8_t>(Layout::channels_last)));
            const int64_t index = in.get<int64_t>();
            c.packed.input = in.in_range<int32_t>(0, 1 << 16);
            if (index >= 0) {
                const Blob& b = blob(index);
                c.packed.data = data(b);
                c.packed.bytes = b.bytes;
                c.packed.owner = file_.owner;
            }
            all.push_back(std::move(c));
        }
        if (!in.done()) image::bad("it goes on after its end");
        return all;
    }

    /// Zeros stand for weights that a kernel took packed; where none took them the plan would answer with zeros.
    void check_stubs(const Plan& p, const std::vector<Choice>& choices) const {
        for (const Step& s : p.steps) {
            if (s.node == kNone) continue;
            const Choice& c = choices[static_cast<size_t>(s.node)];
            const bool taken = s.kernel && c.packed.data && s.kernel->packed().data == c.packed.data;
            const Node& n = p.graph.node(s.node);
            for (size_t i = 0; i < n.inputs.size(); ++i) {
                const Tensor* t = constant_of(p.graph, n.inputs[i]);
                if (t && stubs_.contains(t->raw()) && !(taken && static_cast<int>(i) == c.packed.input)) image::bad("a kernel does not take the weights that it holds");
            }
        }
        for (ValueId v : p.graph.outputs)
            if (const Tensor* t = constant_of(p.graph, v); t && stubs_.contains(t->raw())) image::bad("an output has no data");
    }

    MappedFile file_;
    std::vector<Blob> blobs_;
    std::set<const void*> stubs_;
};

}  // namespace

std::string plan_key(const std::string& source, const std::vector<Dims>& dims, const PlanOptions& o) {
    std::string key = cat("source ", source, "; dims");
    for (const Dims& d : dims) key += " " + to_text(d);
    key += cat("; threads ", o.threads, "; precision ", o.precision == Precision::bf16 ? "bf16" : "fp32", "; without");
    for (const std::string& pass : o.disabled_passes) key += " " + pass;
    return cat(key, "; ", record::machine_key(), "; oneDNN ", onednn::version(), "; kernels ", kernel_list_hash());
}

std::string files_hash(const std::vector<std::string>& paths) {
    std::string all;
    for (const std::string& p : paths) all += (all.empty() ? "" : "+") + record::fast_hash_hex(map_file(p).text());
    return all;
}

bool save_plan(const Plan& plan, const std::string& path, const std::string& key, std::string* why) {
    const bool dynamic = std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& s) { return s.kind == StepKind::dynamic; });
    if (dynamic || !image::writable(plan.graph)) {
        if (why) *why = dynamic ? "shapes depend on values" : "it holds subgraphs or tensors of strings";
        return false;
    }
    Writer(plan, key).write(path);
    return true;
}

std::shared_ptr<const Plan> load_plan(const std::string& path, const std::string& key, const PlanOptions& options, std::string* why) {
    if (!file_exists(path)) {
        if (why) *why = "there is none yet";
        return nullptr;
    }
    try {
        return Reader(map_file(path)).read(key, options);
    } catch (const Error& e) {
        if (why) *why = e.message;
    } catch (const std::exception& e) {
        if (why) *why = e.what();
    }
    return nullptr;
}

}  // namespace hone
