# SPDX-License-Identifier: Apache-2.0
# Flags, the rule "one target a folder", and which folder uses which system library.
option(HONE_TESTS "build tests and benchmarks" ON)
set(HONE_SANITIZE "" CACHE STRING "address,undefined or thread")
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(HONE_CCACHE ccache)
if(HONE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${HONE_CCACHE})
endif()
find_program(HONE_MOLD mold)

add_library(hone_flags INTERFACE)
target_include_directories(hone_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_compile_options(hone_flags INTERFACE -Wall -Wextra -Werror -Wno-dangling-else -fvisibility=hidden -ffp-contract=off
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
if(HONE_MOLD)
  target_link_options(hone_flags INTERFACE -fuse-ld=mold)
endif()
if(HONE_SANITIZE)
  target_compile_options(hone_flags INTERFACE -fsanitize=${HONE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(hone_flags INTERFACE -fsanitize=${HONE_SANITIZE})
endif()

# hone_folder(name [USES folder...]): a static library of src/name/**.cc. A source named *_avx2.cc, *_avx512.cc,
# *_avx512vnni.cc or *_avx512bf16.cc is built with that instruction set. src/cli/main.cc belongs to the executable,
# src/dist/mpi_module.cc is a library that is loaded at run time.
function(hone_folder name)
  cmake_parse_arguments(F "" "" "USES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/cli/main\\.cc$|/dist/mpi_module\\.cc$")
  if(NOT sources)
    return()
  endif()
  add_library(hone_${name} STATIC ${sources})
  target_link_libraries(hone_${name} PUBLIC hone_flags)
  foreach(used ${F_USES})
    if(TARGET hone_${used})
      target_link_libraries(hone_${name} PUBLIC hone_${used})
    endif()
  endforeach()
  foreach(source ${sources})
    if(source MATCHES "_avx2\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-O3")
    elseif(source MATCHES "_avx512\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mfma;-mprefer-vector-width=512;-O3")
    elseif(source MATCHES "_avx512vnni\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni;-mfma;-mprefer-vector-width=512;-O3")
    elseif(source MATCHES "_avx512bf16\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni;-mavx512bf16;-mfma;-mprefer-vector-width=512;-O3")
    endif()
  endforeach()
endfunction()

function(hone_system_libraries)
  target_link_libraries(hone_base PUBLIC Threads::Threads)
  include(${PROJECT_SOURCE_DIR}/cmake/libraries.cmake)
endfunction()
