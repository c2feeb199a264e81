// SPDX-License-Identifier: Apache-2.0
// safetensors files: the bytes that the format's description says, back to the bit, and nothing that does not add up.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "base/file.h"
#include "record/safetensors.h"
#include "support.h"

using namespace hone;
using namespace hone::record;

namespace {

std::string file_named(const std::string& name) { return testing::TempDir() + "hone_safetensors_" + std::to_string(::getpid()) + "_" + name; }

std::string bytes_with(const std::string& header, const std::string& data) {
    const uint64_t n = header.size();
    return std::string(reinterpret_cast<const char*>(&n), 8) + header + data;
}
Safetensors parse(const std::string& bytes) {
    auto kept = std::make_shared<std::string>(bytes);
    return parse_safetensors({reinterpret_cast<const std::byte*>(kept->data()), kept->size(), std::shared_ptr<const void>(kept, kept->data())}, "test");
}
std::string refused(const std::string& header, const std::string& data = std::string(8, 'x')) {
    return error_of([&] { parse(bytes_with(header, data)); });
}

}  // namespace

TEST(Safetensors, EveryTypeComesBackToTheBit) {
    Tensors all;
    for (const DType t : {DType::f64, DType::i64, DType::u64, DType::f32, DType::i32, DType::u32, DType::f16, DType::bf16, DType::i16, DType::u16, DType::i8, DType::u8, DType::boolean}) {
        Tensor x = Tensor::zeros(t, {3, 5});
        for (int64_t i = 0; i < 15; ++i) x.set(i, static_cast<double>(t == DType::boolean ? i % 2 : 7 * i + 1));
        all[std::string(dtype_name(t))] = x;
    }
    all["scalar"] = Tensor::scalar_i64(-3);
    all["nothing"] = Tensor::zeros(DType::f32, {0, 4});
    all["a \"name\"\n/\xc3\xa9"] = Tensor::of_f32({std::numeric_limits<float>::quiet_NaN(), -0.0F, 1e-42F});
    const std::string path = file_named("types");
    write_safetensors(path, all, {{"format", "pt"}, {"x", ""}});
    const Safetensors back = read_safetensors(path);
    ASSERT_EQ(back.tensors.size(), all.size());
    for (const auto& [name, t] : all) {
        EXPECT_TRUE(back.tensors.at(name).same_bits(t)) << name;
        EXPECT_EQ(reinterpret_cast<uintptr_t>(back.tensors.at(name).raw()) % dtype_size(t.dtype()), 0u) << name;
    }
    EXPECT_EQ(back.metadata, (Texts{{"format", "pt"}, {"x", ""}}));
    write_safetensors(path, {});
    EXPECT_TRUE(read_safetensors(path).tensors.empty());
    ::unlink(path.c_str());
}

TEST(Safetensors, TheBytesAreTheFormats) {
    const std::string path = file_named("bytes");
    write_safetensors(path, {{"b", Tensor::of_f32({1.5F})}, {"a", Tensor::of_i64({-1})}});
    std::string header = R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    EXPECT_EQ(read_file(path), bytes_with(header, std::string(8, '\xff') + std::string("\0\0\xc0\x3f", 4)));
    ::unlink(path.c_str());
}

TEST(Safetensors, OthersFilesAreRead) {  // no alignment, another order, truths that are not 0 and 1
    const Safetensors s = parse(bytes_with(R"({"__metadata__":{"k":"v"},"t":{"dtype":"F32","shape":[],"data_offsets":[3,7]},"b":{"shape":[3],"data_offsets":[0,3],"dtype":"BOOL"}} )", std::string("\0\2\1", 3) + std::string("\0\0\x80\x3f", 4)));
    EXPECT_EQ(s.tensors.at("t").at(0), 1);
    EXPECT_EQ(std::memcmp(s.tensors.at("b").raw(), "\0\1\1", 3), 0);
    EXPECT_EQ(s.metadata, (Texts{{"k", "v"}}));
}

TEST(Safetensors, WhatDoesNotAddUpIsRefused) {
    EXPECT_EQ(error_of([] { parse("short"); }), "safetensors.truncated");
    EXPECT_EQ(error_of([] { parse(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)); }), "safetensors.header");
    EXPECT_EQ(error_of([] { parse(std::string("\x09\0\0\0\0\0\0\0{}", 10)); }), "safetensors.truncated");
    for (const char* header : {"", " {}", "[]", "{", "{\"t\":3}", "{\"t\":{\"dtype\":4}}", "{\"t\":{\"dtype\":\"F32\",\"shape\":[1.5]}}", "{\"__metadata__\":{\"a\":1}}", "{\"__metadata__\":[]}"})
        EXPECT_EQ(refused(header), "safetensors.header") << header;
    EXPECT_EQ(refused(R"({"t":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}})"), "safetensors.dtype");
    EXPECT_EQ(refused(R"({"t":null})"), "safetensors.dtype");
    const auto entry = [](const std::string& shape, const std::string& offsets) { return "{\"t\":{\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}"; };
    EXPECT_EQ(refused(entry("[2]", "[0,8]")), "");
    for (const auto& [shape, offsets] : std::vector<std::pair<std::string, std::string>>{
             {"[2]", "[0,4]"}, {"[1]", "[0,8]"}, {"[2]", "[0,8,8]"}, {"[2]", "[]"}, {"[2]", "[8,0]"}, {"[2]", "[-8,0]"}, {"[3]", "[0,12]"}, {"[-2]", "[0,8]"},
             {"[-1,-2]", "[0,8]"}, {"[4611686018427387904,2]", "[0,8]"}, {"[2147483648,2147483648,4]", "[0,0]"}, {"[1]", "[0,4]"}, {"[1]", "[4,8]"}})
        EXPECT_EQ(refused(entry(shape, offsets)), "safetensors.offsets") << shape << " " << offsets;
    EXPECT_EQ(refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"), "safetensors.offsets");
    EXPECT_EQ(refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[3],"data_offsets":[5,8]}})"), "safetensors.offsets");
    EXPECT_EQ(refused("{}"), "safetensors.offsets");
}

TEST(Safetensors, WhatTheFormatHasNotIsNotWritten) {
    const std::string path = file_named("not");
    EXPECT_EQ(error_of([&] { write_safetensors(path, {{"t", Tensor::of_strings({"x"}, {1})}}); }), "safetensors.write");
    EXPECT_EQ(error_of([&] { write_safetensors(path, {{"\xff", Tensor::scalar_i64(1)}}); }), "safetensors.write");
    EXPECT_EQ(error_of([&] { write_safetensors(path, {{"__metadata__", Tensor::scalar_i64(1)}}); }), "safetensors.write");
    EXPECT_FALSE(file_exists(path));
}
