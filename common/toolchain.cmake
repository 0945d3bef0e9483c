# How the students' files are compiled. CMake is not asked again for that: the choice made here goes into
# toolchain.json, and the grader calls the compiler itself, so that the flags of the precompiled header are the very
# same. Clang is preferred, and mold: compiling and linking a lab takes 0.13 s, against 0.5 s with plain g++.
get_filename_component(course_root ${CMAKE_CURRENT_SOURCE_DIR}/.. ABSOLUTE)
find_program(WIRELAB_STUDENT_CXX NAMES clang++ clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14
  DOC "Compiler for the students' programs")
if(NOT WIRELAB_STUDENT_CXX)
  set(WIRELAB_STUDENT_CXX ${CMAKE_CXX_COMPILER} CACHE FILEPATH "Compiler for the students' programs" FORCE)
endif()
find_program(WIRELAB_MOLD mold DOC "A quick linker")

execute_process(COMMAND ${WIRELAB_STUDENT_CXX} --version OUTPUT_VARIABLE student_version OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REGEX REPLACE "\n.*" "" student_version "${student_version}")

# -O0 takes two thirds of the time of -O1. The standard library's assertions turn an index out of range into a clear end.
set(student_flags -std=c++20 -O0 -Wall -Wextra -D_GLIBCXX_ASSERTIONS -pthread -I${course_root})
set(prelude ${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/prelude.hh)
if(student_version MATCHES "clang")
  set(prelude_output ${prelude}.pch)
  set(prelude_flags -fpch-instantiate-templates)
  set(use_prelude -include-pch ${prelude_output})
  list(APPEND student_flags -ferror-limit=20 -fno-crash-diagnostics)
else()
  set(prelude_output ${prelude}.gch)
  set(prelude_flags -w)  # "#pragma once in main file"
  set(use_prelude -include ${prelude})  # g++ takes prelude.hh.gch instead, which lies beside it
  list(APPEND student_flags -fmax-errors=20)
endif()

# The students' programs are linked with common/ as it is, or with a copy without the sanitizers of this build.
set(student_library wirelab_common)
if(WIRELAB_SANITIZE)
  set(student_library wirelab_plain_common)
  get_target_property(common_sources wirelab_common SOURCES)
  add_library(wirelab_plain_common STATIC ${common_sources})
  target_include_directories(wirelab_plain_common PRIVATE ${course_root})
endif()
add_custom_target(student_library DEPENDS ${student_library})
set(student_library ${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/lib${student_library}.a)

# Static: it starts in half the time, and shows whether a program needs anything at run time but itself.
set(student_link_flags -pthread -static)
if(WIRELAB_MOLD)
  file(WRITE ${CMAKE_BINARY_DIR}/CMakeFiles/mold.cc "int main() {}\n")
  execute_process(COMMAND ${WIRELAB_STUDENT_CXX} -fuse-ld=mold CMakeFiles/mold.cc -o CMakeFiles/mold
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR} RESULT_VARIABLE mold_failed OUTPUT_QUIET ERROR_QUIET)
  if(NOT mold_failed)
    list(APPEND student_link_flags -fuse-ld=mold)
  endif()
endif()

configure_file(${CMAKE_CURRENT_SOURCE_DIR}/prelude.hh ${prelude} COPYONLY)
add_custom_command(OUTPUT ${prelude_output}
  COMMAND ${WIRELAB_STUDENT_CXX} ${student_flags} ${prelude_flags} -x c++-header ${prelude} -o ${prelude_output}
          -MD -MT ${prelude_output} -MF ${prelude_output}.d
  DEPENDS ${prelude}
  DEPFILE ${prelude_output}.d
  COMMENT "Precompiling the prelude of the labs" VERBATIM)
add_custom_target(wirelab_prelude ALL DEPENDS ${prelude_output})

function(json_list output)
  list(JOIN ARGN "\", \"" joined)
  set(${output} "[\"${joined}\"]" PARENT_SCOPE)
endfunction()
json_list(compile_json ${student_flags} ${use_prelude})
json_list(link_json ${student_link_flags})

# `wirelab prove` also compiles the solutions with sanitizers: by the project's own compiler, whose packages hold the
# sanitizers' libraries, and not statically, which they do not allow.
set(sanitized_flags -std=c++20 -O1 -g -pthread -D_GLIBCXX_ASSERTIONS -I${course_root} -include ${prelude}
  -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -w)
json_list(sanitized_compile_json ${sanitized_flags})
json_list(sanitized_link_json -pthread -fsanitize=address,undefined)

get_target_property(strict_flags wirelab_flags INTERFACE_COMPILE_OPTIONS)
list(FILTER strict_flags INCLUDE REGEX "^-W")
json_list(strict_json ${strict_flags} -Werror)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/toolchain.json CONTENT [[{
  "root": "@course_root@",
  "compiler": "@WIRELAB_STUDENT_CXX@",
  "version": "@student_version@",
  "compile": @compile_json@,
  "link": @link_json@,
  "prelude": "@prelude_output@",
  "library": "@student_library@",
  "strict": @strict_json@,
  "sanitized": {"compiler": "@CMAKE_CXX_COMPILER@", "compile": @sanitized_compile_json@, "link": @sanitized_link_json@}
}
]] @ONLY)
