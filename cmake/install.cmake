# SPDX-License-Identifier: MIT
# What `cmake --install` puts where, and how others find it: a CMake package (ringmail::ringmail, ringmail::static) and
# a pkg-config file.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ringmail)
install(TARGETS ${library_targets} EXPORT ringmailTargets)
install(DIRECTORY include/ TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(EXPORT ringmailTargets NAMESPACE ringmail:: DESTINATION ${package_dir})

configure_package_config_file(cmake/ringmailConfig.cmake.in ringmailConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(ringmailConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ringmailConfig.cmake ${PROJECT_BINARY_DIR}/ringmailConfigVersion.cmake
    DESTINATION ${package_dir})

set(pc_private "-luring -pthread")
if(NOT RIM_SANITIZE)
    string(PREPEND pc_private "-ljemalloc ")
endif()
if(RIM_HAS_TLS)
    string(PREPEND pc_private "-lssl -lcrypto ")
endif()
# Written when installing, for it names the prefix, which may be another than the one configured.
configure_file(cmake/ringmail.pc.in ringmail.pc.in @ONLY)
install(CODE "
    set(PREFIX \${CMAKE_INSTALL_PREFIX})
    configure_file(\"${PROJECT_BINARY_DIR}/ringmail.pc.in\" \"${PROJECT_BINARY_DIR}/ringmail.pc\")")
install(FILES ${PROJECT_BINARY_DIR}/ringmail.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Manual pages, and for each function that shares one a page of its own name that leads there.
file(GLOB man_pages CONFIGURE_DEPENDS docs/man/*.3 docs/man/*.7)
foreach(page IN LISTS man_pages)
    cmake_path(GET page STEM page_name)
    cmake_path(GET page EXTENSION LAST_ONLY section)
    string(SUBSTRING ${section} 1 -1 section)
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    file(STRINGS ${page} functions LIMIT_COUNT 1 REGEX [[ \\- ]])
    string(REGEX REPLACE [[ \\- .*]] "" functions "${functions}")
    string(REGEX MATCHALL "rim_[a-z_]+" functions "${functions}")
    foreach(function IN LISTS functions)
        if(NOT "${function}.3" STREQUAL "${page_name}.${section}")
            file(CONFIGURE OUTPUT man/${function}.3 CONTENT ".so man${section}/${page_name}.${section}\n")
            install(FILES ${PROJECT_BINARY_DIR}/man/${function}.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
        endif()
    endforeach()
endforeach()
