/* A program that calls nothing: linking it with a whole room shows what the room itself calls. */
int main(void) {
    return 0;
}
