# Compiler settings shared by every target, as the interface target patchbay_options.

option(PATCHBAY_WARNINGS_AS_ERRORS "Treat compiler warnings as errors" OFF)
option(PATCHBAY_BENCH "Build the benchmarks" OFF)
option(PATCHBAY_FUZZ "Build the fuzzers (needs clang)" OFF)
set(PATCHBAY_SANITIZE "" CACHE STRING "Value for -fsanitize=, for example address,undefined")
option(PATCHBAY_COVERAGE "Instrument for coverage" OFF)

add_library(patchbay_options INTERFACE)
target_compile_features(patchbay_options INTERFACE cxx_std_20)
target_include_directories(patchbay_options INTERFACE
  "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
# Where a long has 32 bits: files larger than 2 GiB, and years after 2037. sdk/module hands it on.
set(PATCHBAY_WIDE_TYPES _FILE_OFFSET_BITS=64 _TIME_BITS=64)
target_compile_definitions(patchbay_options INTERFACE ${PATCHBAY_WIDE_TYPES})
target_compile_options(patchbay_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion -Wold-style-cast -Wnon-virtual-dtor
    -Woverloaded-virtual -Wsuggest-override>
  -fvisibility=hidden -ffunction-sections -fdata-sections)
target_link_options(patchbay_options INTERFACE -Wl,--gc-sections -Wl,--as-needed)
# Relative relocations packed: a quarter of the client's start-up is relocation. Linkers that do not
# know the option only warn.
include(CheckLinkerFlag)
check_linker_flag(CXX -Wl,--fatal-warnings,-z,pack-relative-relocs PATCHBAY_HAVE_PACKED_RELOCATIONS)
if(PATCHBAY_HAVE_PACKED_RELOCATIONS)
  target_link_options(patchbay_options INTERFACE -Wl,-z,pack-relative-relocs)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 warns about std::string and std::optional internals it has inlined itself.
  target_compile_options(patchbay_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict -Wno-maybe-uninitialized>)
endif()
if(PATCHBAY_WARNINGS_AS_ERRORS)
  target_compile_options(patchbay_options INTERFACE -Werror)
endif()
if(PATCHBAY_SANITIZE)
  # The check of virtual tables probes memory through a pipe: where a test leaves it no descriptor,
  # it takes every object for a broken one.
  target_compile_options(patchbay_options INTERFACE
    -fsanitize=${PATCHBAY_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(patchbay_options INTERFACE -fsanitize=${PATCHBAY_SANITIZE})
endif()
if(PATCHBAY_COVERAGE)
  target_compile_options(patchbay_options INTERFACE --coverage)
  target_link_options(patchbay_options INTERFACE --coverage)
endif()
