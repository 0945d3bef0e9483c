# How the students' programs are linked: `student_linker`, the words before the objects, and `student_link_flags`, those
# behind them.

# Static: it starts in half the time, and shows whether a program needs anything at run time but itself.
set(student_linker ${WIRELAB_STUDENT_CXX})
set(student_link_flags -pthread -static)

set(trial ${CMAKE_BINARY_DIR}/CMakeFiles/linker_trial)
file(WRITE ${trial}.cc "int main() {}\n")
execute_process(COMMAND ${WIRELAB_STUDENT_CXX} -c ${trial}.cc -o ${trial}.o)

# Whether these words link a program that the kernel runs.
function(try_linker works linker flags)
  file(REMOVE ${trial})
  execute_process(COMMAND ${linker} ${trial}.o ${flags} -o ${trial} OUTPUT_QUIET ERROR_QUIET)
  execute_process(COMMAND ${trial} RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
  if(status EQUAL 0)
    set(${works} TRUE PARENT_SCOPE)
  else()
    set(${works} FALSE PARENT_SCOPE)
  endif()
endfunction()

find_program(WIRELAB_MOLD mold DOC "A quick linker")
set(with_mold ${student_link_flags} -fuse-ld=mold)
if(WIRELAB_MOLD)
  try_linker(mold_works "${student_linker}" "${with_mold}")
endif()
if(mold_works)
  set(student_link_flags ${with_mold})
endif()

# Clang takes a third of the time of linking to find out how to call the linker. The last line of -### is what it would
# call; that is called instead.
if(mold_works AND student_version MATCHES "clang")
  execute_process(COMMAND ${student_linker} "-###" ${trial}.o ${student_link_flags} -o ${trial}
    OUTPUT_QUIET ERROR_VARIABLE told ERROR_STRIP_TRAILING_WHITESPACE)
  string(REGEX REPLACE ".*\n" "" told "${told}")
  separate_arguments(told UNIX_COMMAND "${told}")
  list(REMOVE_ITEM told -o ${trial} --build-id)
  list(FIND told ${trial}.o objects)
  if(objects GREATER 0)
    list(SUBLIST told 0 ${objects} before)
    math(EXPR objects "${objects} + 1")
    list(SUBLIST told ${objects} -1 behind)
    try_linker(direct_works "${before}" "${behind}")
  endif()
endif()
if(direct_works)
  set(student_linker ${before})
  set(student_link_flags ${behind})
  # Files of the system whose folder is named after the compiler's version: an upgrade moves them.
  list(FILTER before INCLUDE REGEX "^/.*[.]o$")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${before})
endif()
