# shellcheck shell=bash
# Completion of apd's command lines in bash. Commands, options and the keys of --set and --vary come from the program's own help.
_apd() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words
    if [ "$COMP_CWORD" = 1 ]; then
        words=$("$program" --help | sed -n 's/^  apd \([a-z]*\) .*/\1/p'; echo --help --version)
    elif [ "$before" = --set ] || [ "$before" = --vary ]; then
        words=$("$program" train --help-keys | sed -n '/^Layers/q; s/^  \([a-z_0-9.]*\) .*/\1=/p')
        compopt -o nospace
    elif [ "${word#-}" != "$word" ]; then
        words=$("$program" "${COMP_WORDS[1]}" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'; echo --help)
    else
        return # files, by -o default
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _apd apd
