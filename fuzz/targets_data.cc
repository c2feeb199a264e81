// SPDX-License-Identifier: Apache-2.0
// Every reader of data. The seeds are made as the readers' tests make them.
#include <memory>

#include "data/byte_source.h"
#include "data/cifar.h"
#include "data/csv.h"
#include "data/formats.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/image.h"
#include "data/npy.h"
#include "data/tar.h"
#include "data/text.h"
#include "data/helpers.h"
#include "data/zip.h"
#include "data/small_jpegs.h"
#include "fuzz/target.h"

namespace hone::fuzz {

namespace {

const uint8_t* raw(const std::string& s) { return reinterpret_cast<const uint8_t*>(s.data()); }

std::string npy(const std::string& header, const std::string& data) {
    std::string h = header;
    while ((10 + h.size() + 1) % 64) h += ' ';
    h += '\n';
    std::string s = "\x93NUMPY";
    s += '\1';
    s += '\0';
    s += static_cast<char>(h.size() & 255);
    s += static_cast<char>(h.size() >> 8);
    return s + h + data;
}
std::string little(uint64_t v, int bytes) {
    std::string s;
    for (int i = 0; i < bytes; ++i) s += static_cast<char>(v >> 8 * i);
    return s;
}
/// A zip of one stored file.
std::string zip_of(const std::string& name, const std::string& data) {
    const auto crc = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size())));
    const std::string common = little(20, 2) + little(0, 2) + little(0, 2) + little(0, 4) + little(crc, 4) + little(data.size(), 4) + little(data.size(), 4) + little(name.size(), 2) + little(0, 2);
    const std::string local = "PK\3\4" + common + name + data;
    const std::string central = "PK\1\2" + little(20, 2) + common + little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) + little(0, 4) + name;
    return local + central + "PK\5\6" + little(0, 4) + little(1, 2) + little(1, 2) + little(central.size(), 4) + little(local.size(), 4) + little(0, 2);
}

}  // namespace

std::vector<std::string> idx_seeds() { return {make_idx({3}, "abc"), make_idx({2, 2, 3}, "abcdefghijkl"), make_idx({1, 2}, std::string(8, 'x'), 0x0d)}; }
void run_idx(const std::string& bytes) { read_idx(in_memory(bytes), "fuzz"); }

std::vector<std::string> csv_seeds() { return {"a,b,label\n1,2,x\n3.5,-1e3,\"y,z\"\n", "x,target\n1,0.5\n2,-3\n", "label,a\r\n\"q\"\"r\",7\r\n"}; }
std::vector<std::string> text_seeds() { return {"a\tOne line\nb\tdon't, x\r\n", "0.5\t\xC3\xA9t\xC3\xA9\n", "\xEF\xBB\xBFx\t\n\nx\ty\tz"}; }
void run_text(const std::string& bytes) {
    for (const std::string& t : parse_texts(bytes, "fuzz").texts)
        for (const TextUnit unit : {TextUnit::word, TextUnit::character}) tokens_of(t, unit);
}
void run_csv(const std::string& bytes) { parse_csv(bytes, "fuzz"); }

std::vector<std::string> npy_seeds() {
    return {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", std::string(24, '\1')), npy("{'descr': '|u1', 'fortran_order': True, 'shape': (5,), }", "abcde"),
            npy("{'descr': '>i8', 'fortran_order': False, 'shape': (), }", std::string(8, '\2'))};
}
void run_npy(const std::string& bytes) {
    MemorySource source(raw(bytes), bytes.size());
    read_npy(source, "fuzz");
}

std::vector<std::string> zip_seeds() { return {zip_of("x.npy", npy_seeds()[0]), zip_of("y.npy", npy_seeds()[1])}; }
void run_zip(const std::string& bytes) {
    if (!is_zip(raw(bytes), bytes.size())) return;
    for (const ZipEntry& e : read_zip_index(raw(bytes), bytes.size(), "fuzz")) {
        ZipReader reader(raw(bytes), bytes.size(), e, "fuzz");
        read_npy(reader, "fuzz");
    }
}

std::vector<std::string> cifar_seeds() { return {std::string(3073 * 2, '\3'), std::string(3074, '\1')}; }
void run_cifar(const std::string& bytes) {
    for (const int classes : {10, 100}) {
        try {
            read_cifar(in_memory(bytes), classes, "fuzz");
        } catch (const Error& e) {
            if (e.kind == ErrorKind::internal) throw;
        }
    }
}

std::vector<std::string> tar_seeds() { return {tar_entry("a/b.txt", "hello") + tar_entry("c", std::string(700, 'x')) + tar_end()}; }
void run_tar(const std::string& bytes) {
    const MappedFile m = in_memory(bytes);
    if (is_tar(m)) read_tar_index(m, "fuzz");
}

std::vector<std::string> gzip_seeds() { return {gzip("hello hello hello"), gzip(std::string(5000, 'a'))}; }
void run_gzip(const std::string& bytes) {
    if (!is_gzip(raw(bytes), bytes.size())) return;
    GzipReader reader(raw(bytes), bytes.size(), "fuzz");
    std::string out(1 << 16, '\0');
    for (int i = 0; i < 64 && !reader.at_end(); ++i) reader.read(reinterpret_cast<uint8_t*>(out.data()), out.size());
}

std::vector<std::string> png_seeds() { return {flat_png(5, 4, 10, 20, 30)}; }
std::vector<std::string> jpeg_seeds() { return {from_hex(kColourJpeg), from_hex(kProgressiveJpeg), from_hex(kGreyJpeg), from_hex(kInkJpeg)}; }
void run_picture(const std::string& bytes) {
    const ImageLimits small{.side = 4096, .pixels = 1 << 20};
    const MappedFile file = in_memory(bytes);
    const Image image = decode_image(bytes_of(file), file.size, "fuzz", small);
    HONE_CHECK(image.bytes() == image.pixels.size());
}

}  // namespace hone::fuzz
