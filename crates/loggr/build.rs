//! Puts the built page into the program.

fn main() {
    // Also in debug builds, so that tests see what people get and no path is left in the program.
    memory_serve::load_directory_with_embed("../../ui/dist", true);
}
