# SPDX-License-Identifier: Apache-2.0
# System libraries, each linked to the one folder that adapts it.
if(TARGET hone_record)
  find_package(nlohmann_json REQUIRED)
  target_link_libraries(hone_record PRIVATE nlohmann_json::nlohmann_json)
endif()
if(TARGET hone_kernel)
  # Not dnnl's own package file: that one asks for OpenCL's headers.
  find_path(HONE_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp REQUIRED)
  find_library(HONE_DNNL_LIBRARY dnnl REQUIRED)
  target_include_directories(hone_kernel SYSTEM PRIVATE ${HONE_DNNL_INCLUDE})
  target_link_libraries(hone_kernel PRIVATE ${HONE_DNNL_LIBRARY})
endif()
if(TARGET hone_data)
  find_package(JPEG REQUIRED)
  find_package(PNG REQUIRED)
  find_package(ZLIB REQUIRED)
  target_link_libraries(hone_data PRIVATE JPEG::JPEG PNG::PNG ZLIB::ZLIB)
endif()
if(TARGET hone_onnx)
  find_package(Protobuf REQUIRED)
  set(proto_dir ${CMAKE_BINARY_DIR}/proto)
  file(MAKE_DIRECTORY ${proto_dir})
  add_custom_command(OUTPUT ${proto_dir}/hone_onnx.pb.cc ${proto_dir}/hone_onnx.pb.h
    COMMAND protobuf::protoc --cpp_out=${proto_dir} -I ${PROJECT_SOURCE_DIR}/src/onnx ${PROJECT_SOURCE_DIR}/src/onnx/hone_onnx.proto
    DEPENDS ${PROJECT_SOURCE_DIR}/src/onnx/hone_onnx.proto VERBATIM)
  add_library(hone_onnx_proto STATIC ${proto_dir}/hone_onnx.pb.cc)
  set_property(TARGET hone_onnx_proto PROPERTY COMPILE_OPTIONS -w)
  target_include_directories(hone_onnx_proto SYSTEM PUBLIC ${proto_dir} ${Protobuf_INCLUDE_DIRS})
  target_link_libraries(hone_onnx_proto PUBLIC protobuf::libprotobuf-lite)
  target_link_libraries(hone_onnx PRIVATE hone_onnx_proto)
endif()
if(TARGET hone_cli)
  find_package(CLI11 REQUIRED)
  find_package(yaml-cpp REQUIRED)
  target_link_libraries(hone_cli PRIVATE CLI11::CLI11 yaml-cpp)
  target_compile_definitions(hone_cli PRIVATE HONE_VERSION="${PROJECT_VERSION}")
endif()

# The program that drives a peer engine is part of ours.
if(TARGET hone_eval)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/eval/peer.py)
  file(READ ${PROJECT_SOURCE_DIR}/src/eval/peer.py peer_script)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/peer_script.cc @ONLY NEWLINE_STYLE UNIX CONTENT
"namespace hone::eval { extern const char* const peer_script; const char* const peer_script = R\"peer(@peer_script@)peer\"; }
")
  target_sources(hone_eval PRIVATE ${CMAKE_BINARY_DIR}/generated/peer_script.cc)
endif()
