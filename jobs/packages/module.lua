-- Module of apd for Lmod. It is installed as share/modulefiles/apd/VERSION.lua and finds what lies beside it:
--   module use PREFIX/share/modulefiles
--   module load apd
help([[Continual learning on long task streams by Additive Parameter Decomposition: man apd; apd --help]])
whatis("Name: apd")
whatis("Version: " .. myModuleVersion())
whatis("Description: continual learning by Additive Parameter Decomposition, on any number of MPI ranks")

local prefix = myFileName():gsub("/share/modulefiles/.*$", "")
prepend_path("PATH", pathJoin(prefix, "bin"))
prepend_path("MANPATH", pathJoin(prefix, "share/man") .. ":")
for _, folder in ipairs({"lib", "lib64"}) do
    local libraries = pathJoin(prefix, folder)
    if isFile(pathJoin(libraries, "libapd.so")) then
        prepend_path("LD_LIBRARY_PATH", libraries)
        prepend_path("PKG_CONFIG_PATH", pathJoin(libraries, "pkgconfig"))
    end
end
prepend_path("CMAKE_PREFIX_PATH", prefix)
setenv("APD_JOBS", pathJoin(prefix, "share/apd/jobs"))
-- a rank computes on one core
setenv("OPENBLAS_NUM_THREADS", "1")
