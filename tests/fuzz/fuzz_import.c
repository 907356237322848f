/* Importers: folders whose files may hold anything, through every row of apd_importers; what is accepted is
 * written as a data file and opened again.
 *
 * An input is a byte that names the importer, then files: a byte for which of the importer's files (low half)
 * and how it is packed (high half), a 16-bit length, and the bytes. Packing is done after mutation, so that
 * checksums are right where nothing else is meant: gzip, xz, PNG with its chunks' checksums made right, PNG
 * whose scan lines are the bytes (after 6 bytes: width, height, bit depth, colour type). */
#include "fuzz.h"
#include "io/images/import.h"

#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

const char *const fuzz_name = "import";
const bool fuzz_may_end = false;

enum { AS_IS, GZIP, XZ, PNG_CHECKED, PNG_LINES, PACKINGS };
enum { CIFAR100, MNIST, OMNIGLOT, IMAGES_FLAT, IMAGES_SPLIT, IMAGES_LABELLED, LAYOUTS, MOST_FILES = 8 };

/* Which files a layout has. Omniglot wants 20 drawings a character: one file lies under 19 names. */
static const struct {
    const char *importer, *folder;
    const char *files[MOST_FILES];
} layouts[LAYOUTS] = {
    [CIFAR100] = {"cifar100",
                  "cifar",
                  {"train.bin", "test.bin", "train-1.bin", "train-2.bin.gz", "test.bin.xz",
                   "fine_label_names.txt", "coarse_label_names.txt", "test-1.bin"}},
    [MNIST] = {"mnist",
               "mnist",
               {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.xz",
                "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte.gz"}},
    [OMNIGLOT] = {"omniglot",
                  "omniglot",
                  {"images_background/A/character01/0001_01.png",
                   "images_background/A/character01/0001_02.png",
                   "images_background/A/character01/0001_21.png"}},
    [IMAGES_FLAT] = {"images", "flat", {"a/1.png", "a/2.png", "b/1.png", "b/2.png", "a/3.PNG"}},
    [IMAGES_SPLIT] = {"images",
                      "split",
                      {"train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png", "test/b/2.png"}},
    [IMAGES_LABELLED] = {
        "images", "labelled", {"labels.csv", "1.png", "2.png", "3.png", "b/4.png", "tests.txt"}}};

static bool is_written[LAYOUTS][MOST_FILES];

static void make_folder(const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    FUZZ_CHECK(mkdir(path, 0777) == 0);
}

void fuzz_start(void) {
    static const char *const folders[] = {"cifar",
                                          "mnist",
                                          "omniglot",
                                          "omniglot/images_background",
                                          "omniglot/images_background/A",
                                          "flat",
                                          "flat/a",
                                          "flat/b",
                                          "labelled",
                                          "labelled/b",
                                          "split",
                                          "split/train",
                                          "split/test",
                                          "split/train/a",
                                          "split/train/b",
                                          "split/test/a",
                                          "split/test/b",
                                          "omniglot/images_background/A/character01",
                                          "omniglot/images_evaluation"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        make_folder(folders[i]);
    for (int drawer = 3; drawer <= 20; drawer++) {
        char from[256], to[256];
        (void)snprintf(from, sizeof from, "%s/omniglot/images_background/A/character01/0001_01.png",
                       fuzz_folder());
        (void)snprintf(to, sizeof to, "%s/omniglot/images_background/A/character01/0001_%02d.png",
                       fuzz_folder(), drawer);
        FUZZ_CHECK(symlink(from, to) == 0);
    }
}

/* --- packing --------------------------------------------------------------------------------------------- */

#define PACKED_ROOM (2 * FUZZ_ROOM + 4096)

static size_t pack_zlib(const uint8_t *bytes, size_t size, int window, uint8_t *out) {
    z_stream stream = {0};
    FUZZ_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    stream.next_in = (uint8_t *)(uintptr_t)bytes;
    stream.avail_in = (unsigned)size;
    stream.next_out = out;
    stream.avail_out = PACKED_ROOM;
    FUZZ_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    size_t used = stream.total_out;
    (void)deflateEnd(&stream);
    return used;
}

static size_t pack_xz(const uint8_t *bytes, size_t size, uint8_t *out) {
    size_t used = 0;
    FUZZ_CHECK(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, bytes, size, out, &used, PACKED_ROOM) ==
               LZMA_OK);
    return used;
}

static void put_32(uint8_t *out, uint32_t number) {
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint32_t get_32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static size_t pack_checked_png(const uint8_t *bytes, size_t size, uint8_t *out) {
    memcpy(out, bytes, size);
    for (size_t at = 8; at + 12 <= size;) {
        size_t length = get_32(out + at);
        if (length > size - at - 12)
            break;
        put_32(out + at + 8 + length, (uint32_t)crc32(0, out + at + 4, (unsigned)(length + 4)));
        at += 12 + length;
    }
    return size;
}

static size_t add_chunk(uint8_t *out, size_t at, const char *name, const uint8_t *bytes, size_t size) {
    put_32(out + at, (uint32_t)size);
    memcpy(out + at + 4, name, 4);
    if (size > 0)
        memcpy(out + at + 8, bytes, size);
    put_32(out + at + 8 + size, (uint32_t)crc32(0, out + at + 4, (unsigned)(size + 4)));
    return at + 12 + size;
}

static size_t pack_png_lines(const uint8_t *bytes, size_t size, uint8_t *out) {
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    static const uint8_t palette[8] = {1, 2, 3, 200, 210, 220, 7, 8};
    static uint8_t lines[PACKED_ROOM];
    fuzz_bytes in = {bytes, bytes + size};
    uint8_t header[13] = {0};
    header[3] = fuzz_take(&in);
    header[7] = fuzz_take(&in);
    header[8] = fuzz_take(&in);
    header[9] = fuzz_take(&in);
    uint32_t extra = fuzz_take_16(&in);
    header[12] = extra & 1;             /* interlaced */
    header[2] = (uint8_t)(extra >> 12); /* wide */
    size_t used = pack_zlib(in.at, (size_t)(in.end - in.at), 15, lines);
    memcpy(out, signature, sizeof signature);
    size_t at = add_chunk(out, sizeof signature, "IHDR", header, sizeof header);
    if (header[9] == 3 || extra & 2)
        at = add_chunk(out, at, "PLTE", palette, 6);
    if (extra & 4)
        at = add_chunk(out, at, "tRNS", palette, 2U * (1 + (extra >> 4 & 3)));
    at = add_chunk(out, at, "IDAT", lines, used);
    return add_chunk(out, at, "IEND", NULL, 0);
}

static size_t pack(int packing, const uint8_t *bytes, size_t size, uint8_t *out) {
    switch (packing) {
    case GZIP: return pack_zlib(bytes, size, 15 + 16, out);
    case XZ: return pack_xz(bytes, size, out);
    case PNG_CHECKED: return pack_checked_png(bytes, size, out);
    case PNG_LINES: return pack_png_lines(bytes, size, out);
    default: memcpy(out, bytes, size); return size;
    }
}

/* --- the folder ------------------------------------------------------------------------------------------ */

static void file_name(int layout, int file, char *name, size_t size) {
    (void)snprintf(name, size, "%s/%s", layouts[layout].folder, layouts[layout].files[file]);
}

static void remove_written(int layout) {
    for (int file = 0; file < MOST_FILES; file++) {
        char name[128], path[256];
        if (!is_written[layout][file])
            continue;
        file_name(layout, file, name, sizeof name);
        (void)snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
        (void)unlink(path);
        is_written[layout][file] = false;
    }
}

static void write_files(int layout, fuzz_bytes *in) {
    static uint8_t packed[PACKED_ROOM];
    while (in->end - in->at >= 3) {
        uint8_t choice = fuzz_take(in);
        size_t length = fuzz_take_16(in), rest = (size_t)(in->end - in->at);
        int file = choice % MOST_FILES;
        length = length < rest ? length : rest;
        if (layouts[layout].files[file] != NULL) {
            char name[128];
            file_name(layout, file, name, sizeof name);
            fuzz_store(name, packed, pack(choice / 16 % PACKINGS, in->at, length, packed));
            is_written[layout][file] = true;
        }
        in->at += length;
    }
}

static void write_and_open(const apd_dataset_content *content) {
    char path[128];
    apd_error error = {0};
    apd_dataset *dataset = NULL;
    uint64_t digest = 0;
    (void)snprintf(path, sizeof path, "%s/data.h5", fuzz_folder());
    FUZZ_CHECK(apd_dataset_write(path, content, &digest, &error) == APD_OK);
    apd_status status = apd_dataset_open(path, &dataset, &error);
    if (status != APD_OK)
        (void)fprintf(stderr, "%s\n", error.message);
    FUZZ_CHECK(status == APD_OK && dataset->digest == digest);
    apd_dataset_close(dataset);
}

apd_status fuzz_one(const uint8_t *bytes, size_t size) {
    fuzz_bytes in = {bytes, bytes + size};
    int layout = fuzz_take(&in) % LAYOUTS;
    char path[128], labels[160], tests[160];
    apd_error error = {0};
    apd_dataset_content content = {0};
    apd_import_options options = {0};
    const apd_importer *row = apd_importers;
    remove_written(layout);
    write_files(layout, &in);
    while (strcmp(row->name, layouts[layout].importer) != 0)
        row++;
    (void)snprintf(path, sizeof path, "%s/%s", fuzz_folder(), layouts[layout].folder);
    if (layout == IMAGES_LABELLED) {
        (void)snprintf(labels, sizeof labels, "%s/labels.csv", path);
        (void)snprintf(tests, sizeof tests, "%s/tests.txt", path);
        options = (apd_import_options){.labels = labels, .skip_damaged = is_written[layout][4]};
        options.test_list = is_written[layout][5] ? tests : NULL;
    }
    apd_status status = row->read(path, &options, &content, &error);
    if (status == APD_OK)
        write_and_open(&content);
    else
        fuzz_check_refusal(status, &error, path);
    apd_dataset_content_clear(&content);
    return status;
}

/* --- inputs ---------------------------------------------------------------------------------------------- */

static size_t add_file(uint8_t *out, size_t at, int file, int packing, const void *bytes, size_t size) {
    out[at] = (uint8_t)(16 * packing + file);
    out[at + 1] = (uint8_t)size;
    out[at + 2] = (uint8_t)(size >> 8);
    memcpy(out + at + 3, bytes, size);
    return at + 3 + size;
}

static size_t seed_cifar(uint8_t *out, int packing) {
    static const uint8_t records[2 * 3074] = {1, 2, 3};
    char names[1000] = "";
    size_t used = 0;
    for (int i = 0; i < 100; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "name%d\n", i);
    out[0] = CIFAR100;
    size_t at = add_file(out, 1, packing == AS_IS ? 0 : 3, packing, records, sizeof records);
    at = add_file(out, at, packing == AS_IS ? 1 : 4, packing, records, sizeof records / 2);
    return add_file(out, at, 5, AS_IS, names, used);
}

static size_t seed_mnist(uint8_t *out, int packing) {
    static const uint8_t images[16 + 2 * 4 * 3] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 3, 9};
    static const uint8_t labels[8 + 2] = {0, 0, 8, 1, 0, 0, 0, 2, 1, 0};
    out[0] = MNIST;
    size_t at = add_file(out, 1, packing == GZIP ? 4 : 0, packing, images, sizeof images);
    at = add_file(out, at, packing == XZ ? 5 : 1, packing, labels, sizeof labels);
    at = add_file(out, at, 2, packing, images, sizeof images);
    return add_file(out, at, 3, packing, labels, sizeof labels);
}

/* width, height, depth, colour type, two bytes of extras, then lines: a filter byte and the pixels */
static size_t seed_images(uint8_t *out, int layout, int depth, int colour, int extra) {
    uint8_t lines[6 + 4 * (1 + 3 * 8)] = {3, 4, (uint8_t)depth, (uint8_t)colour, (uint8_t)extra};
    size_t at = 1;
    out[0] = (uint8_t)layout;
    for (int file = 0; file < 4; file++)
        at = add_file(out, at, file, PNG_LINES, lines, sizeof lines);
    return at;
}

static size_t seed_whole_png(uint8_t *out) {
    static uint8_t packed[PACKED_ROOM];
    uint8_t lines[6 + 4 * (1 + 3 * 3)] = {3, 4, 8, 2, 4};
    size_t size = pack_png_lines(lines, sizeof lines, packed), at = 1;
    out[0] = IMAGES_FLAT;
    for (int file = 0; file < 4; file++)
        at = add_file(out, at, file, PNG_CHECKED, packed, size);
    return at;
}

static size_t seed_omniglot(uint8_t *out) {
    uint8_t lines[6 + 105 * 15] = {105, 105, 1, 0, 0, 0};
    out[0] = OMNIGLOT;
    size_t at = add_file(out, 1, 0, PNG_LINES, lines, sizeof lines);
    return add_file(out, at, 1, PNG_LINES, lines, sizeof lines);
}

/* Three images and a table of them; `kind` 1: with a header and sets, 2: with a list of test images. */
static size_t seed_labelled(uint8_t *out, int kind) {
    static const char *const tables[] = {
        "1.png,a\n2.png,a\n\"3.png\",\"b, \"\"c\"\"\"\nb/4.png,\"b, \"\"c\"\"\"\n",
        "\xEF\xBB\xBFsplit,path,class\r\ntrain,1.png,a\r\ntest,./2.png,a\r\ntrain,3.png,b\r\ntest,b//4.png,b",
        "1.png,a\n2.png,a\n3.png,\xC3\xA4\nb/4.png,\xC3\xA4\n"};
    static const char tests[] = "1.png\r\n\nb/4.png";
    uint8_t lines[6 + 4 * (1 + 3)] = {3, 4, 8, 0};
    out[0] = IMAGES_LABELLED;
    size_t at = add_file(out, 1, 0, AS_IS, tables[kind], strlen(tables[kind]));
    for (int file = 1; file < 5; file++)
        at = add_file(out, at, file, PNG_LINES, lines, sizeof lines);
    return kind == 2 ? add_file(out, at, 5, AS_IS, tests, strlen(tests)) : at;
}

size_t fuzz_seed(int number, uint8_t *bytes) {
    static const int colours[][3] = {{8, 0, 0}, {1, 0, 1},  {16, 2, 0}, {2, 3, 4},
                                     {8, 4, 0}, {16, 6, 1}, {4, 3, 5}};
    enum { COLOURS = sizeof colours / sizeof *colours };
    switch (number) {
    case 0: return seed_cifar(bytes, AS_IS);
    case 1: return seed_cifar(bytes, GZIP);
    case 2: return seed_cifar(bytes, XZ);
    case 3: return seed_mnist(bytes, AS_IS);
    case 4: return seed_mnist(bytes, GZIP);
    case 5: return seed_mnist(bytes, XZ);
    case 6: return seed_omniglot(bytes);
    case 7: return seed_whole_png(bytes);
    case 8:
    case 9:
    case 10: return seed_labelled(bytes, number - 8);
    default: break;
    }
    number -= 11;
    if (number >= 2 * COLOURS)
        return 0;
    const int *colour = colours[number / 2];
    return seed_images(bytes, number % 2 ? IMAGES_FLAT : IMAGES_SPLIT, colour[0], colour[1], colour[2]);
}

/* Another packing, another file, a length that fits, or bytes of the head of some file. */
size_t fuzz_mutate(uint8_t *bytes, size_t size, fuzz_random *random) {
    size_t places[64];
    int files = 0;
    for (size_t at = 1; at + 3 <= size && files < 64; files++) {
        places[files] = at;
        at += 3U + bytes[at + 1] + 256U * bytes[at + 2];
    }
    if (files == 0 || fuzz_draw(random, 3) == 0)
        return fuzz_mutate_bytes(bytes, size, random);
    size_t at = places[fuzz_draw(random, (uint32_t)files)];
    switch (fuzz_draw(random, 8)) {
    case 0: bytes[at] = (uint8_t)fuzz_draw(random, 16 * PACKINGS); return size;
    case 1: bytes[at + 1 + fuzz_draw(random, 2)] = (uint8_t)fuzz_draw(random, 256); return size;
    case 2: bytes[0] = (uint8_t)fuzz_draw(random, LAYOUTS); return size;
    default: break;
    }
    at += 3 + fuzz_draw(random, 24);
    if (at < size)
        bytes[at] = (uint8_t)(fuzz_draw(random, 2) ? fuzz_draw(random, 256) : fuzz_draw(random, 9));
    return size;
}
