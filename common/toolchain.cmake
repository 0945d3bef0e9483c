# How the students' files are compiled. CMake is not asked again for that: the choice made here goes into
# toolchain.json, and the grader calls the compiler itself, so that the flags of the precompiled header are the very
# same. Clang is preferred, and mold: compiling and linking a lab takes 0.13 s, against 0.5 s with plain g++.
get_filename_component(course_root ${CMAKE_CURRENT_SOURCE_DIR}/.. ABSOLUTE)
find_program(WIRELAB_STUDENT_CXX NAMES clang++ clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14
  DOC "Compiler for the students' programs")
if(NOT WIRELAB_STUDENT_CXX)
  set(WIRELAB_STUDENT_CXX ${CMAKE_CXX_COMPILER} CACHE FILEPATH "Compiler for the students' programs" FORCE)
endif()

execute_process(COMMAND ${WIRELAB_STUDENT_CXX} --version OUTPUT_VARIABLE student_version OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REGEX REPLACE "\n.*" "" student_version "${student_version}")

# -O0 takes two thirds of the time of -O1. The standard library's assertions turn an index out of range into a clear end.
set(student_flags -std=c++20 -O0 -Wall -Wextra -D_GLIBCXX_ASSERTIONS -pthread -I${course_root})
set(prelude ${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/prelude.hh)
if(student_version MATCHES "clang")
  set(prelude_output ${prelude}.pch)
  # What the prelude instantiates becomes code once, in an object of its own, and not in every file: a quarter less time
  # to compile one.
  set(prelude_flags -fpch-instantiate-templates -fpch-codegen)
  set(prelude_object ${prelude}.o)
  set(use_prelude -include-pch ${prelude_output})
  list(APPEND student_flags -ferror-limit=20 -fno-crash-diagnostics)
else()
  set(prelude_output ${prelude}.gch)
  set(prelude_flags -w)  # "#pragma once in main file"
  set(use_prelude -include ${prelude})  # g++ takes prelude.hh.gch instead, which lies beside it
  list(APPEND student_flags -fmax-errors=20)
endif()

include(linker.cmake)

configure_file(${CMAKE_CURRENT_SOURCE_DIR}/prelude.hh ${prelude} COPYONLY)
add_custom_command(OUTPUT ${prelude_output}
  COMMAND ${WIRELAB_STUDENT_CXX} ${student_flags} ${prelude_flags} -x c++-header ${prelude} -o ${prelude_output}
          -MD -MT ${prelude_output} -MF ${prelude_output}.d
  DEPENDS ${prelude}
  DEPFILE ${prelude_output}.d
  COMMENT "Precompiling the prelude of the labs" VERBATIM)
add_custom_target(wirelab_prelude ALL DEPENDS ${prelude_output})

# The students' programs are linked with common/ as it is, or as it would be without the sanitizers of this build, behind
# what the prelude has instantiated.
if(prelude_object)
  add_custom_command(OUTPUT ${prelude_object}
    COMMAND ${WIRELAB_STUDENT_CXX} ${student_flags} -Wno-unused-command-line-argument -c ${prelude_output} -o ${prelude_object}
    DEPENDS ${prelude_output}
    COMMENT "Compiling the prelude of the labs" VERBATIM)
  set_source_files_properties(${prelude_object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
endif()
if(WIRELAB_SANITIZE)
  get_target_property(common_sources wirelab_common SOURCES)
  add_library(student_library STATIC ${prelude_object} ${common_sources})
  target_include_directories(student_library PRIVATE ${course_root})
else()
  add_library(student_library STATIC ${prelude_object} $<TARGET_OBJECTS:wirelab_common>)
endif()
set_target_properties(student_library PROPERTIES OUTPUT_NAME wirelab_student LINKER_LANGUAGE CXX)
set(student_library_file ${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/libwirelab_student.a)

function(json_list output)
  list(JOIN ARGN "\", \"" joined)
  set(${output} "[\"${joined}\"]" PARENT_SCOPE)
endfunction()
json_list(compile_json ${student_flags} ${use_prelude})
json_list(linker_json ${student_linker})
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
  "linker": @linker_json@,
  "link": @link_json@,
  "prelude": "@prelude_output@",
  "library": "@student_library_file@",
  "strict": @strict_json@,
  "sanitized": {"compiler": "@CMAKE_CXX_COMPILER@", "compile": @sanitized_compile_json@, "link": @sanitized_link_json@}
}
]] @ONLY)
