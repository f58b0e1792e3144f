#!/bin/sh
# Speaks the protocol of experiments/bench/pytorch.py and answers every question with other numbers.
while read -r request; do
    case $request in
    *'"do":"load"'*) echo '{"torch": "0", "python": "0", "threads": 1, "gpu": null}' ;;
    *'"do":"prepare"'*) echo '{"way": "none"}' ;;
    *'"do":"check"'*)
        # 18 tokens of 60 numbers.
        printf '{"answer": [0'
        i=1
        while [ $i -lt 1560 ]; do printf ',0'; i=$((i + 1)); done
        echo ']}'
        ;;
    *) echo '{}' ;;
    esac
done
