# How this project builds its folders and tests: one object library per folder, warnings as errors.

function(pie_own_code target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  if(PIE_DEVELOPER_MODE)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(PIE_SANITIZE)
    # GCC's sanitizer instrumentation makes it see uninitialised values in LibTorch's headers; clang
    # can have it that integers change their sign, as GCC does.
    target_compile_options(${target} PRIVATE -O1 -g1 -fsanitize=${PIE_SANITIZE}
      -fno-sanitize-recover=all -fno-omit-frame-pointer
      $<IF:$<CXX_COMPILER_ID:Clang>,-Wno-sign-conversion,-Wno-maybe-uninitialized>
      $<$<BOOL:${PIE_FUZZ}>:-fsanitize=fuzzer-no-link>)
    target_link_options(${target} PRIVATE -fsanitize=${PIE_SANITIZE})
  endif()
  if(PIE_TIDY)
    set_target_properties(${target} PROPERTIES CXX_CLANG_TIDY "clang-tidy;--quiet;--warnings-as-errors=*;--extra-arg=-fno-openmp")
  endif()
endfunction()

# Tests wait longer for the compiler than for themselves.
function(pie_test_code target)
  pie_own_code(${target})
  target_compile_options(${target} PRIVATE -O1)
endfunction()

# pie_folder(NAME SOURCES a.cc ... [LINKS packages...])  ->  object library pie_NAME
function(pie_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(pie_${name} OBJECT ${ARG_SOURCES})
  target_link_libraries(pie_${name} PUBLIC ${ARG_LINKS})
  pie_own_code(pie_${name})
endfunction()

# pie_test(NAME LINKS targets...)  ->  test binary NAME from NAME.cc, without LibTorch, one ctest entry
# per test case. Target format_tests builds all of them, and their label is "format".
function(pie_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${name}.cc ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gtest GTest::gtest_main)
  pie_test_code(${name})
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS format)
  if(NOT TARGET format_tests)
    add_custom_target(format_tests)
  endif()
  add_dependencies(format_tests ${name})
endfunction()
