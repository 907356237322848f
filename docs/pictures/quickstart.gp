# The quick start's accuracy matrix and capacity, from the files of its run:
#   gnuplot -e "run='runs/quickstart'" docs/pictures/quickstart.gp
# writes docs/pictures/quickstart.png.
if (!exists("run")) run = 'runs/quickstart'
set terminal pngcairo size 1200,520 font 'DejaVu Sans,12' linewidth 1.2
set output 'docs/pictures/quickstart.png'
set datafile separator ','
set datafile missing ''
set multiplot layout 1,2
set tics nomirror out scale 0.5

# Accuracy: a row a learned task (1 at the top), a column a task of the stream; empty cells: not learned yet
stats run.'/accuracy.csv' using 1 skip 1 nooutput
last = int(STATS_records)
set title 'Test accuracy, %' offset 0,-0.5
set xlabel 'task'
set ylabel 'after learning task'
set xrange [0.5:last+0.5]
set yrange [last+0.5:0.5]
set xtics 1
set ytics 1
set size ratio 1
set palette defined (0 '#f7fbff', 0.5 '#9ecae1', 1 '#2171b5')
set cbrange [80:100]
unset colorbox
set border 3
cell(c) = c-2 <= column(1) ? 100*column(c) : NaN # the stream's order is the tasks' own
plot for [c=2:last+1] run.'/accuracy.csv' skip 1 using (c-1):($1+1):(0.5):(0.5):(cell(c)) \
         with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     for [c=2:last+1] run.'/accuracy.csv' skip 1 using (c-1):($1+1):(c-2 <= column(1) ? sprintf('%.0f', cell(c)) : '') \
         with labels font ',9' textcolor rgb '#202020' notitle

# Capacity: what is stored, in per cent of one network's weights; the numbers are in the lines of tasks
set title 'Capacity, % of one network'
set xlabel 'tasks learned'
unset ylabel
set size noratio
set xrange [1:last]
set yrange [0:*]
set ytics auto
set grid ytics linecolor rgb '#e0e0e0' linetype 1
set key top left reverse Left samplen 2
set datafile separator ' '
capacity = sprintf("< sed -n 's/.*\"event\": \"task\".*\"capacity\": \\([^,]*\\),.*/\\1/p' '%s/metrics.jsonl'", run)
plot capacity using ($0+1):(100*($0+1)) with lines dashtype 2 linecolor rgb '#808080' title 'one network a task', \
     capacity using ($0+1):(100*$1) with linespoints pointtype 7 pointsize 0.8 linewidth 2 linecolor rgb '#2171b5' \
         title 'apd'
unset multiplot
