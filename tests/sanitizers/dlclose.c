/* An empty dlclose, linked into the programs of a sanitizer build.
 *
 * Open MPI unloads its plugins in MPI_Finalize, before LeakSanitizer looks for leaks. A frame of an unloaded
 * plugin has no name, so that no suppression matches it. With the plugins left in place the names stay. */
int dlclose(void *handle);

int dlclose(void *handle) {
    (void)handle;
    return 0;
}
